package compliance

import (
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/compliance/thermal"
)

func TestRulesInWords(t *testing.T) {
	limit := `"limit":{"metric":"temperature","op":">","value":"8","mode":"instant"}`
	fence := func(id string) string {
		return `{"id":"` + id + `","circle":{"lat":"52","lon":"4","radius_m":100}}`
	}
	drop := `"drop":{"free_fall_below":"2.5","impact_above":"14","min_height":"0.3"`
	for rule, want := range map[string]string{
		limit: "Temperature must not be above 8 °C at any moment",
		`"limit":{"metric":"temperature","op":">=","value":"25.5","mode":"instant"}`:                                                                                                                                "Temperature must stay below 25.5 °C at any moment",
		`"limit":{"metric":"temperature","op":"<=","value":"-0.5","mode":"consecutive","duration_s":3600}`:                                                                                                          "Temperature must stay above -0.5 °C for 1 h in a row",
		`"limit":{"metric":"temperature","op":"<","value":"2","mode":"cumulative","duration_s":5400,"window_s":86400}`:                                                                                              "Temperature must not be below 2 °C for 1 h 30 min in total within any 24 h",
		`"limit":{"metric":"humidity","op":">","value":"75","mode":"cumulative","duration_s":7200}`:                                                                                                                 "Humidity must not be above 75 %RH for 2 h in total",
		`"stages":["at_origin","in_transit"],"settle_s":600,"per":"leg","optional":true,` + limit:                                                                                                                   "Temperature must not be above 8 °C at any moment, at origin and in transit, after the first 10 min, separately for each custodian, if it is measured",
		`"mkt":{"metric":"temperature","max":"8","window_s":2592000,"min_coverage":"0.9","activation_k":"10000"}`:                                                                                                   "Mean kinetic temperature over any 30 d must not be above 8 °C",
		`"budget":{"metric":"temperature","label_min":"2","label_max":"8","unknown":"worst","bands":[{"id":"a","min":"8","max":"25","total_s":3600,"single_s":1800},{"id":"b","min":"0","max":"2","single_s":60}]}`: "Temperature must stay at 2 to 8 °C, except for at most 1 h in total and 30 min at a time at 8 to 25 °C; at most 1 min at a time at 0 to 2 °C",
		`"shock":{"min":"490","min_ms":"2","min_velocity":"1.5","max_events":1}`:                                                                                                                                    "At most 1 shock of 490 m/s² or more that lasts 2 ms or longer or with a velocity change of 1.5 m/s or more",
		`"shock":{"min_velocity":"1.5"}`:        "No shock with a velocity change of 1.5 m/s or more",
		drop + `}`:                              "No drop from 0.3 m or higher",
		drop + `,"max_events":2}`:               "At most 2 drops from 0.3 m or higher",
		`"vibration":{"max":"5","window_s":60}`: "Vibration must not be above 5 m/s² RMS over 1 min",
		`"opening":{"light_above":"50","door":true,"max_open_s":300,"allowed_in":[` + fence("dock") + `]}`: "No opening longer than 5 min except in dock, as told by the door or light above 50 lx",
		`"opening":{"door":true}`: "No opening, as told by the door",
		`"geofence":{"fences":[` + fence("port") + `,` + fence("yard") + `],"forbid":"outside","dwell_s":60}`:                                             "The goods must not be outside port, yard for 1 min or longer",
		`"geofence":{"fences":[` + fence("port") + `],"forbid":"exit"}`:                                                                                   "The goods must not leave port",
		`"corridor":{"points":[["52","4"],["53","5"]],"within_m":500}`:                                                                                    "The goods must stay within 500 m of the route",
		`"corridor":{"points":[["52","4"],["53","5"]],"within_m":500,"min_s":120}`:                                                                        "The goods must not be more than 500 m off the route for 2 min or longer",
		`"stop":{"max_s":1800,"radius_m":200}`:                                                                                                            "No stop longer than 30 min within 200 m",
		`"silence":{"max_s":900,"promise":true}`:                                                                                                          "A reading at least every 15 min, and whenever the tracker promised one",
		`"recorder":{"standard":"EN12830","coverage":"0.95","calibration":true}`:                                                                          "Trackers must take readings as often as EN12830 asks, cover 95 % of the time, be calibrated for the whole trip",
		`"recorder":{"intervals":[{"trip_below_s":86400,"max_interval_s":300},{"max_interval_s":900}],"min":"-30","max":"30","measures":["temperature"]}`: "Trackers must take a reading every 5 min on trips shorter than 24 h, take a reading every 15 min, measure from -30 to 30 °C, measure temperature",
		`"deadline":{}`:               "Delivered by the time that the shipment states",
		`"deadline":{"grace_s":1800}`: "Delivered by the time that the shipment states, or at most 30 min later",
		`"all":[{"id":"x",` + limit + `},{"id":"y","silence":{"max_s":60}}]`: "At least one of these must hold at any time: Temperature must not be above 8 °C at any moment; A reading at least every 1 min",
		`"any":[{"id":"x",` + limit + `},{"id":"y","silence":{"max_s":60}}]`: "Each of these must hold: Temperature must not be above 8 °C at any moment; A reading at least every 1 min",
	} {
		rs, err := Parse([]byte(`{"schema":"trackseal-rule-set/1","id":"a","version":1,"title":"t","max_gap_s":900,"rules":[{"id":"a","severity":"major",` + rule + `}]}`))
		if err != nil {
			t.Errorf("%s: %v", rule, err)
			continue
		}
		if got := rs.Text(0); got != want {
			t.Errorf("%s\n got %q\nwant %q", rule, got, want)
		}
	}
	for _, rs := range Builtin() {
		for i := range rs.Rules {
			if got := rs.Text(i); got == "" || strings.Contains(got, "  ") || strings.Contains(got, "%!") {
				t.Errorf("%s, rule %s: %q", rs.Ref(), rs.Rules[i].ID, got)
			}
		}
	}
}

// A budget is charged with what its own rule had spent before, not with another's.
func TestCarriedBudgetIsTheRulesOwn(t *testing.T) {
	budget := func(id string) Rule {
		return Rule{ID: id, Severity: "major", Budget: &thermal.Budget{Metric: "temperature", LabelMin: "2", LabelMax: "8", Unknown: thermal.ChargeWorst,
			Bands: []thermal.Band{{ID: "room", Min: "8", Max: "25", TotalS: 3600}}}}
	}
	c := delivered(60 * minute)
	c.Carried = []detect.Carried{{Rule: "one", Band: "room", SpentMS: 60_000}, {Rule: "other", Band: "room", SpentMS: 9_000_000}}
	r := judge(t, set(budget("one"), budget("other")), c, temps(many(60, 5)...), t0+60*minute)
	for rule, want := range map[string]string{"one": "met", "other": "broken"} {
		if got := r.rule(rule).State; got != want {
			t.Errorf("rule %s with its share of %v: %s, want %s", rule, c.Carried, got, want)
		}
	}
}
