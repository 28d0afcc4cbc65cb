package compliance

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// asideTrip is two hours of two trackers at 5 °C.
func asideTrip() (detect.Journey, []Reading) {
	const minute = 60_000
	c := detect.Journey{FromMS: 1_700_000_000_000, EndMS: 1_700_000_000_000 + 120*minute}
	var all []Reading
	for _, id := range []string{"A", "B"} {
		c.Trackers = append(c.Trackers, detect.Tracker{ID: id, Windows: []detect.Window{{FromMS: c.FromMS}}})
		for m := int64(0); m < 120; m += 5 {
			all = append(all, Reading{Tracker: id, Point: detect.NewPoint(c.FromMS+m*minute, [32]byte{byte(m), id[0]}, map[string]float64{"temperature": 5, "humidity": 50})})
		}
	}
	return c, all
}

func TestWhatDoesNotCountIsNotMetByLoss(t *testing.T) {
	rules, err := Parse([]byte(`{"schema":"trackseal-rule-set/1","id":"x","version":1,"title":"x","max_gap_s":900,"rules":[
		{"id":"hot","severity":"critical","limit":{"metric":"temperature","op":">=","value":"25","mode":"instant"}},
		{"id":"warm","severity":"major","limit":{"metric":"temperature","op":">","value":"8","mode":"consecutive","duration_s":1800}},
		{"id":"wet","severity":"major","limit":{"metric":"humidity","op":">","value":"75","mode":"instant"}},
		{"id":"damp","severity":"info","limit":{"metric":"humidity","op":">","value":"60","mode":"instant"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		aside   []telemetry.Aside
		verdict string
		reason  string
	}{
		"undated and harmless":                          {[]telemetry.Aside{{Why: telemetry.ClockBehind, Values: map[string]float64{"temperature": 5}}}, Compliant, ""},
		"undated and warm: a moment is no half an hour": {[]telemetry.Aside{{Why: telemetry.ClockAhead, Values: map[string]float64{"temperature": 9}}}, Compliant, ""},
		"undated and hot":                               {[]telemetry.Aside{{Why: telemetry.ClockBehind, Values: map[string]float64{"temperature": 26}}}, Inconclusive, "hot: temperature of 26 °C was measured at an unknown time: its clock said before 2015 (A)"},
		"contradicted":                                  {[]telemetry.Aside{{Why: telemetry.Repeated, Values: map[string]float64{"temperature": 30}}, {Why: telemetry.Repeated, Values: map[string]float64{"temperature": 4}}}, Inconclusive, "hot: temperature of 30 °C was reported beside another value of the same time (A)"},
		"a sensor's error value":                        {[]telemetry.Aside{{Why: telemetry.ClockBehind, Values: map[string]float64{"temperature": 327.67}}}, Compliant, ""},
		"the worst of them is told":                     {[]telemetry.Aside{{Why: telemetry.ClockBehind, Values: map[string]float64{"temperature": 26}}, {Why: telemetry.ClockAhead, Values: map[string]float64{"temperature": 27}}}, Inconclusive, "27 °C"},
		"without weight in the verdict":                 {[]telemetry.Aside{{Why: telemetry.ClockBehind, Values: map[string]float64{"humidity": 70}}}, Compliant, ""},
		"of a tracker that is not bound":                {nil, Compliant, ""},
	} {
		c, all := asideTrip()
		for _, a := range tc.aside {
			all = append(all, Reading{Tracker: "A", Aside: &a}, Reading{Tracker: "A", Aside: &a})
		}
		if tc.aside == nil {
			all = append(all, Reading{Tracker: "C", Aside: &telemetry.Aside{Why: telemetry.ClockBehind, Values: map[string]float64{"temperature": 26}}})
		}
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		got, err := Judge(rules, c, all, 0)
		if err != nil || got.Verdict != tc.verdict || !strings.Contains(strings.Join(got.Reasons, "\n"), tc.reason) || tc.reason == "" && len(got.Reasons) > 0 {
			t.Errorf("%s: %s %q, %v; want %s %q", name, got.Verdict, got.Reasons, err, tc.verdict, tc.reason)
		}
		if got.ToMS != c.EndMS || len(got.Excursions) != 0 {
			t.Errorf("%s: judged to %d with %v", name, got.ToMS, got.Excursions)
		}
	}
}

// A tracker whose clock is dead is told from one that is silent.
func TestOnlyUndated(t *testing.T) {
	rules, _ := Lookup("general-2-8@1")
	c, all := asideTrip()
	c.Trackers = append(c.Trackers, detect.Tracker{ID: "C", Windows: []detect.Window{{FromMS: c.FromMS}}})
	all = append(all, Reading{Tracker: "C", Aside: &telemetry.Aside{Why: telemetry.ClockBehind, Values: map[string]float64{"temperature": 5}}})
	got, err := Judge(rules, c, all, 0)
	if want := "tracker C reported only at times that no clock can have shown"; err != nil || got.Verdict != Inconclusive || got.Reasons[0] != want {
		t.Errorf("%s %q, %v; want %q", got.Verdict, got.Reasons, err, want)
	}
}
