package e2e

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// tripFile is the recorded trip; it is not part of the project.
func tripFile(t *testing.T) string {
	t.Helper()
	for _, f := range []string{os.Getenv("TRACKSEAL_TRIP"), "../../../shared/data/fragile-goods-trip.csv"} {
		if f == "" {
			continue
		}
		if abs, err := filepath.Abs(f); err == nil {
			if _, err := os.Stat(abs); err == nil {
				return abs
			}
		}
	}
	t.Skip("the recorded trip is not on this machine (TRACKSEAL_TRIP)")
	return ""
}

type verification struct {
	OK       bool `json:"ok"`
	Messages int  `json:"messages"`
	Logs     []struct {
		Log      string `json:"log"`
		Size     uint64 `json:"size"`
		Anchored *struct {
			Size  uint64 `json:"size"`
			Peers []struct {
				Org string `json:"org"`
				OK  bool   `json:"ok"`
			} `json:"peers"`
		} `json:"anchored"`
	} `json:"logs"`
	Checks []struct {
		Check    string    `json:"check"`
		OK       bool      `json:"ok"`
		Findings []finding `json:"findings"`
	} `json:"checks"`
}

type finding struct {
	Log     string `json:"log"`
	Leaf    uint64 `json:"leaf"`
	Tracker string `json:"tracker"`
	Message string `json:"message"`
	Check   string `json:"check"`
	Detail  string `json:"detail"`
}

func (v verification) findings() []finding {
	var out []finding
	for _, c := range v.Checks {
		out = append(out, c.Findings...)
	}
	return out
}

type telemetryItem struct {
	Time   string             `json:"time"`
	Leaf   uint64             `json:"leaf"`
	Values map[string]float64 `json:"values"`
}

// TestStackRecordedTrip is the main job: a real trip replayed by a signing tracker ends stored, logged, anchored on all four
// peers and verified; and whoever edits the database afterwards is named.
func TestStackRecordedTrip(t *testing.T) {
	s := load(t)
	trip := tripFile(t)
	shipment, tracker := name("trip"), name("XDK")
	out, code := s.sim(t, 10*time.Minute, "replay", trip, "--shipment", shipment, "--tracker", tracker, "--speed", "max", "--rule-set", "fragile-goods@2", "--wait", "anchored")
	if code != 0 {
		t.Fatalf("replay: exit %d\n%s", code, out)
	}
	carrier := s.api(t, "carrier")

	f, err := os.Open(trip)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows = rows[1:]
	checkDrops(t, carrier, shipment)
	items := all[telemetryItem](carrier, "/v1/shipments/"+shipment+"/telemetry?limit=1000")
	if len(items) != len(rows) {
		t.Fatalf("%d readings, the trip has %d", len(items), len(rows))
	}
	for i, row := range rows {
		want, _ := time.Parse(time.RFC3339Nano, row[0])
		got, err := time.Parse(time.RFC3339Nano, items[i].Time)
		if err != nil || !got.Equal(want) {
			t.Fatalf("reading %d is of %s, recorded at %s", i, items[i].Time, row[0])
		}
		for column, field := range map[int]string{2: "temperature", 3: "humidity"} {
			v, _ := strconv.ParseFloat(row[column], 64)
			if items[i].Values[field] != v {
				t.Fatalf("reading %d: %s is %v, recorded %v", i, field, items[i].Values[field], v)
			}
		}
		mg, _ := strconv.ParseFloat(row[5], 64)
		if math.Abs(items[i].Values["accel_x"]-mg*0.00980665) > 1e-9 {
			t.Fatalf("reading %d: accel_x is %v, recorded %v mg", i, items[i].Values["accel_x"], mg)
		}
	}

	var v verification
	carrier.get("/v1/shipments/"+shipment+"/verification", &v)
	if !v.OK || len(v.Logs) != 1 || v.Logs[0].Anchored == nil || v.Logs[0].Anchored.Size != v.Logs[0].Size {
		t.Fatalf("verification of an untouched trip: %+v", v)
	}
	if len(v.Logs[0].Anchored.Peers) != 4 {
		t.Fatalf("anchor seen on %d peers: %+v", len(v.Logs[0].Anchored.Peers), v.Logs[0].Anchored)
	}
	for _, p := range v.Logs[0].Anchored.Peers {
		if !p.OK {
			t.Errorf("the peer of %s does not hold the anchor", p.Org)
		}
	}
	log := v.Logs[0].Log

	t.Run("an edited value is named", func(t *testing.T) {
		row := s.influxQL(t, `SELECT * FROM reading WHERE "log"='`+log+`' LIMIT 1 OFFSET 100`)[0]
		restore := func(v any) {
			s.influxWrite(t, fmt.Sprintf("reading,log=%s,tracker=%s,era=%s temperature=%v %v", row["log"], row["tracker"], row["era"], v, row["time"]))
		}
		restore("3.5")
		defer restore(row["temperature"])
		expectFinding(t, carrier, shipment, fmt.Sprint(row["leaf"]), "temperature")
	})
	t.Run("an edited message is named", func(t *testing.T) {
		row := s.influxQL(t, `SELECT "leaf","raw" FROM message WHERE "log"='`+log+`' AND "leaf"=7 GROUP BY *`)[0]
		restore := func(raw string) {
			s.influxWrite(t, fmt.Sprintf("message,era=%s,log=%s,shipment=%s,tracker=%s,trust=%s raw=%q %v",
				row["era"], row["log"], row["shipment"], row["tracker"], row["trust"], raw, row["time"]))
		}
		raw := row["raw"].(string)
		other := byte('A')
		if raw[60] == other {
			other = 'B'
		}
		restore(raw[:60] + string(other) + raw[61:])
		defer restore(raw)
		expectFinding(t, carrier, shipment, "7", "")
	})
	t.Run("verification passes when it is put back", func(t *testing.T) {
		carrier.get("/v1/shipments/"+shipment+"/verification", &v)
		if !v.OK {
			t.Errorf("got the findings %+v, want none", v.findings())
		}
	})
	t.Run("a deleted point is named", func(t *testing.T) {
		row := s.influxQL(t, `SELECT "leaf" FROM message WHERE "log"='`+log+`' AND "leaf"=9`)[0]
		s.influxQL(t, fmt.Sprintf(`DELETE FROM message WHERE "log"='%s' AND time = %v`, log, row["time"]))
		expectFinding(t, carrier, shipment, "9", "")
	})
}

// expectFinding requires that the verification fails and names the leaf (and the field).
func expectFinding(t *testing.T, a *api, shipment, leaf, detail string) {
	t.Helper()
	var v verification
	a.get("/v1/shipments/"+shipment+"/verification", &v)
	if v.OK {
		t.Fatal("verification passes")
	}
	for _, f := range v.findings() {
		if strconv.FormatUint(f.Leaf, 10) == leaf && strings.Contains(f.Detail, detail) {
			return
		}
	}
	t.Errorf("no finding names leaf %s (%s): %+v", leaf, detail, v.findings())
}

// checkDrops: the box was dropped ten times at the end of the trip. What two samples a second can show of it is found, what
// they cannot show is said, and nothing is found while the box rides or lies still.
func checkDrops(t *testing.T, a *api, shipment string) {
	t.Helper()
	var c struct {
		Verdict    string   `json:"verdict"`
		Reasons    []string `json:"reasons"`
		Excursions []struct {
			Rule  string    `json:"rule"`
			Start time.Time `json:"start"`
		} `json:"excursions"`
	}
	a.get("/v1/shipments/"+shipment+"/compliance", &c)
	drops := 0
	for _, x := range c.Excursions {
		if x.Start.Before(time.Date(2019, 3, 24, 9, 41, 40, 0, time.UTC)) {
			t.Errorf("%s found at %s, when nothing happened", x.Rule, x.Start)
		}
		if x.Rule == "drop" {
			drops++
		}
	}
	if c.Verdict != "non_compliant" || drops != 4 || !strings.Contains(strings.Join(c.Reasons, "\n"), "inadequate for drops") {
		t.Errorf("%s with %d drops, reasons %q", c.Verdict, drops, c.Reasons)
	}
}
