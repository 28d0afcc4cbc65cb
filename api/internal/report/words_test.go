package report

import (
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/compliance"
)

func TestRulesInWords(t *testing.T) {
	rules := func(text string) compliance.Rule {
		t.Helper()
		r, err := compliance.Parse([]byte(`{"schema":"trackseal-rule-set/1","id":"a","version":1,"title":"t","max_gap_s":900,"rules":[` + text + `]}`))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return r.Rules[0]
	}
	for text, want := range map[string]string{
		`{"id":"a","severity":"major","limit":{"metric":"temperature","op":">=","value":"25","mode":"instant"}}`:                                                    "no temperature ≥ 25 °C at any moment",
		`{"id":"a","severity":"major","stages":["in_transit"],"settle_s":600,"limit":{"metric":"tilt","op":">","value":"45","mode":"consecutive","duration_s":60}}`: "no tilt > 45 ° for 1 min in a row, in transit, after 10 min",
		`{"id":"a","severity":"major","per":"leg","limit":{"metric":"humidity","op":"<","value":"30","mode":"cumulative","duration_s":3600,"window_s":86400}}`:      "no humidity < 30 %RH for 1 h in all within any 24 h, for each custodian",
		`{"id":"a","title":"24 h MKT","severity":"major","mkt":{"metric":"temperature","max":"8","window_s":86400,"min_coverage":"0.9","activation_k":"10000"}}`:    "24 h MKT: mean kinetic temperature over any 24 h at most 8 °C",
		`{"id":"a","severity":"major","drop":{"free_fall_below":"2.5","impact_above":"14","min_height":"0.2"}}`:                                                     "drops from 0.2 m: none",
		`{"id":"a","severity":"minor","silence":{"max_s":900,"promise":true}}`:                                                                                      "a reading at least every 15 min, and as the tracker promised",
		`{"id":"a","severity":"minor","recorder":{"standard":"EN12830","calibration":true,"coverage":"0.95"}}`:                                                      "recorder: EN12830 interval, for 0.95 of the time, calibrated all the time",
		`{"id":"a","severity":"minor","opening":{"light_above":"10","max_open_s":60}}`:                                                                              "not open for more than 1 min (light above 10 lx)",
		`{"id":"a","severity":"minor","any":[{"id":"b","silence":{"max_s":60}},{"id":"c","drop":{"free_fall_below":"2","impact_above":"14","min_height":"1"}}]}`:    "none of: a reading at least every 1 min; drops from 1 m: none",
	} {
		r := rules(text)
		if got := RuleText(&r); got != want {
			t.Errorf("%s\n got %q\nwant %q", text, got, want)
		}
	}
	for _, rs := range compliance.Builtin() {
		for i := range rs.Rules {
			if got := RuleText(&rs.Rules[i]); got == "" || strings.HasSuffix(got, ": ") || strings.Contains(got, "%!") {
				t.Errorf("%s, rule %s: %q", rs.Ref(), rs.Rules[i].ID, got)
			}
		}
	}
}
