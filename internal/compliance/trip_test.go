package compliance

import (
	"encoding/csv"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// recordedTrip reads the recorded trip where it is at hand: TRACKSEAL_TRIP, or shared/data beside the checkout.
func recordedTrip(t *testing.T) []Reading {
	path := os.Getenv("TRACKSEAL_TRIP")
	if path == "" {
		path = filepath.Join("..", "..", "..", "shared", "data", "fragile-goods-trip.csv")
	}
	f, err := os.Open(path)
	if err != nil {
		t.Skip("no recorded trip; set TRACKSEAL_TRIP to its file: ", err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []Reading
	for i, row := range rows[1:] {
		at, err := time.Parse(time.RFC3339, row[0])
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]float64{}
		for col, name := range []string{5: "accel_x", 6: "accel_y", 7: "accel_z"} {
			if name != "" {
				mg, err := strconv.ParseFloat(row[col], 64)
				if err != nil {
					t.Fatal(err)
				}
				values[name] = mg * 9.80665e-3
			}
		}
		out = append(out, Reading{Tracker: "xdk", Point: detect.NewPoint(at.UnixMilli(), [32]byte{byte(i), byte(i >> 8)}, values)})
	}
	return out
}

// The drops that the samples show are found by the built-in rules for fragile goods, none while the box rides or lies still,
// and the verdict says that a recorder with two samples a second does not see them all. In any order of arrival.
func TestRecordedTripIsJudged(t *testing.T) {
	all := recordedTrip(t)
	rs, ok := Lookup("fragile-goods@2")
	if !ok {
		t.Fatal("no rule set")
	}
	judge := func(all []Reading) (Result, string) {
		e, err := New(rs, detect.Journey{FromMS: all[0].Point.MS, Trackers: []detect.Tracker{{ID: "xdk", Windows: []detect.Window{{FromMS: all[0].Point.MS}}}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all {
			e.Add(r.Tracker, r.Point)
		}
		r, err := e.Result(0)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		return r, string(text)
	}
	r, inOrder := judge(all)
	var got []string
	for _, x := range r.Excursions {
		got = append(got, x.Rule+" "+time.UnixMilli(x.StartMS).UTC().Format("15:04:05.000"))
	}
	const want = "drop 09:41:45.438, drop 09:41:52.438, drop 09:41:56.938, drop 09:41:59.438"
	if s := strings.Join(got, ", "); s != want || r.Verdict != NonCompliant {
		t.Errorf("%s, %q: %s", r.Verdict, r.Reasons, s)
	}
	if s := strings.Join(r.Reasons, "; "); !strings.Contains(s, "recorder inadequate for drops: interval 500 ms, needs <= 100 ms") {
		t.Errorf("reasons %s", s)
	}
	for _, x := range r.Rules {
		if x.ID != "drop" && x.State != NotJudged {
			t.Errorf("rule %s is %s: the recorder has no such sensor", x.ID, x.State)
		}
	}

	drive := all[:0:0]
	for _, x := range all {
		if x.Point.MS < time.Date(2019, 3, 24, 9, 41, 41, 0, time.UTC).UnixMilli() {
			drive = append(drive, x)
		}
	}
	if r, _ := judge(drive); r.Verdict != Inconclusive || len(r.Excursions) != 0 {
		t.Errorf("the drive: %s %q", r.Verdict, r.Reasons)
	}

	// Late by up to 50 s, and all at once in any order.
	mixed := append(all[:0:0], all...)
	random := rand.New(rand.NewPCG(1, 2))
	for i := 1; i < len(mixed); i += 100 { // the journey begins with the first reading
		block := mixed[i:min(i+100, len(mixed))]
		random.Shuffle(len(block), func(i, j int) { block[i], block[j] = block[j], block[i] })
	}
	if _, text := judge(mixed); text != inOrder {
		t.Error("late readings changed the result")
	}
	journey := detect.Journey{FromMS: all[0].Point.MS, Trackers: []detect.Tracker{{ID: "xdk", Windows: []detect.Window{{FromMS: all[0].Point.MS}}}}}
	random.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	r, err := Judge(rs, journey, mixed, 0)
	if text, _ := json.Marshal(r); err != nil || string(text) != inOrder {
		t.Errorf("the order of arrival changed the result: %v", err)
	}
}

// The default tilt rule: more than 45 degrees for more than a minute.
func TestTilt(t *testing.T) {
	rs, ok := Lookup("fragile-goods@2")
	if !ok {
		t.Fatal("no rule set")
	}
	rs.Rules = rs.Rules[2:]
	for _, tc := range []struct {
		degrees float64
		forS    int64
		want    string
	}{{46, 30, Compliant}, {46, 90, NonCompliant}, {45, 90, Compliant}} {
		var all []Reading
		for s := int64(0); s <= 300; s += 10 {
			v := 3.0
			if s >= 100 && s < 100+tc.forS {
				v = tc.degrees
			}
			all = append(all, Reading{Tracker: "a", Point: detect.NewPoint(s*1000, [32]byte{byte(s)}, map[string]float64{"tilt": v})})
		}
		r, err := Judge(rs, detect.Journey{Trackers: []detect.Tracker{{ID: "a", Windows: []detect.Window{{}}}}}, all, 0)
		if err != nil || r.Verdict != tc.want {
			t.Errorf("%g degrees for %d s: %s %q %v", tc.degrees, tc.forS, r.Verdict, r.Reasons, err)
		}
	}
}
