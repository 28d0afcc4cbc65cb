package compliance

import (
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

const deadlineSet = `{"schema":"trackseal-rule-set/1","id":"a","version":1,"title":"t","max_gap_s":900,"rules":[
	{"id":"warm","severity":"major","limit":{"metric":"temperature","op":">","value":"8","mode":"instant"}},
	{"id":"late","severity":"major","deadline":{"grace_s":1800}}]}`

// Goods are to be delivered by 18:00, with half an hour of grace.
func TestDeadline(t *testing.T) {
	const minute = int64(60_000)
	by := int64(1_790_000_000_000)
	rs, err := Parse([]byte(deadlineSet))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		what          string
		by            int64
		arrived, ends int64 // minutes after the time to deliver by; 0 = not yet
		newest        int64 // the newest reading, in minutes after it
		state, why    string
		verdict       string
	}{
		{"long before", by, -60, -60, -60, "met", "", Compliant},
		{"just in time", by, 30, 31, 30, "met", "", Compliant},
		{"a minute late", by, 31, 31, 31, "broken", "delivered 1 min too late", NonCompliant},
		{"arrived in time, booked late", by, 10, 90, 89, "met", "", Compliant},
		{"on its way, in time", by, 0, 0, 20, "unknown", "not delivered yet", Inconclusive},
		{"on its way, late", by, 0, 0, 40, "broken", "not delivered, 10 min too late until now", NonCompliant},
		{"nothing stated", 0, 0, 0, 40, "not_judged", "the shipment states no time to deliver by", Compliant},
	} {
		at := func(minutes int64) int64 {
			if minutes == 0 {
				return 0
			}
			return by + minutes*minute
		}
		from := by - 120*minute
		c := detect.Journey{FromMS: from, DeliverMS: at(tc.arrived), EndMS: at(tc.ends), DeliverByMS: tc.by}
		var all []Reading
		for _, id := range []string{"T-1", "T-2"} { // it is judged once, however many trackers there are
			c.Trackers = append(c.Trackers, detect.Tracker{ID: id, Windows: []detect.Window{{FromMS: from}}})
			for ms := from; ms <= by+tc.newest*minute; ms += 10 * minute {
				all = append(all, Reading{Tracker: id, Point: detect.NewPoint(ms, [32]byte{}, map[string]float64{"temperature": 5})})
			}
		}
		to := by + tc.newest*minute
		if tc.ends != 0 {
			to = 0
		}
		res, err := Judge(rs, c, all, to)
		if err != nil {
			t.Fatal(err)
		}
		rule := res.Rules[1]
		if rule.State != tc.state || strings.Join(rule.Reasons, "; ") != tc.why || res.Verdict != tc.verdict || res.Rules[0].State != "met" {
			t.Errorf("%s: %s %q, verdict %s (%q); expected %s %q, %s", tc.what, rule.State, rule.Reasons, res.Verdict, res.Reasons, tc.state, tc.why, tc.verdict)
		}
	}
}

func TestDeadlineStandsAlone(t *testing.T) {
	for rule, want := range map[string]string{
		`"severity":"major","deadline":{"grace_s":-1}`:                                          "rules[0].deadline.grace_s must be",
		`"severity":"major","per":"leg","deadline":{}`:                                          "rules[0].deadline stands alone",
		`"severity":"major","settle_s":60,"deadline":{}`:                                        "rules[0].deadline stands alone",
		`"severity":"major","any":[{"id":"x","deadline":{}},{"id":"y","silence":{"max_s":60}}]`: "rules[0].any[0].deadline stands alone",
	} {
		_, err := Parse([]byte(`{"schema":"trackseal-rule-set/1","id":"a","version":1,"title":"t","max_gap_s":900,"rules":[{"id":"a",` + rule + `}]}`))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, expected %s", rule, err, want)
		}
	}
}
