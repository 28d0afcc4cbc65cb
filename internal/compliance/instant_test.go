package compliance

import (
	"strings"
	"testing"
)

func TestInstantBreach(t *testing.T) {
	rules, err := Parse([]byte(`{"schema":"trackseal-rule-set/1","id":"x","version":1,"title":"","max_gap_s":60,"rules":[
		{"id":"hot","severity":"major","limit":{"metric":"temperature","op":">=","value":"25","mode":"instant"}},
		{"id":"over","severity":"major","limit":{"metric":"temperature","op":">","value":"25.5","mode":"instant"}},
		{"id":"cold","severity":"major","limit":{"metric":"temperature","op":"<=","value":"-0.5","mode":"instant"}},
		{"id":"low","severity":"minor","limit":{"metric":"battery","op":"<","value":"10","mode":"instant"}},
		{"id":"drop","severity":"major","limit":{"metric":"acceleration","op":">=","value":"25","mode":"instant"}},
		{"id":"warm","severity":"major","limit":{"metric":"temperature","op":">","value":"8","mode":"consecutive","duration_s":60}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	one := func(name string, v float64) map[string]float64 { return map[string]float64{name: v} }
	for _, tc := range []struct {
		rule    string
		values  map[string]float64
		want    bool
		problem string
	}{
		{"hot", one("temperature", 25), true, ""},
		{"hot", one("temperature", 24.999), false, ""},
		{"over", one("temperature", 25.5), false, ""},
		{"over", one("temperature", 25.500001), true, ""},
		{"cold", one("temperature", -0.5), true, ""},
		{"cold", one("temperature", -0.4), false, ""},
		{"low", one("battery", 10), false, ""},
		{"low", one("battery", 9.5), true, ""},
		{"drop", map[string]float64{"accel_x": 15, "accel_y": 20, "accel_z": 0}, true, ""},
		{"drop", map[string]float64{"accel_x": 15, "accel_y": 19, "accel_z": 0}, false, ""},
		{"drop", map[string]float64{"accel_x": 100, "accel_y": 20}, false, "has no acceleration"},
		{"hot", one("humidity", 99), false, "has no temperature"},
		{"warm", one("temperature", 99), false, "is consecutive, not instant"},
		{"none", one("temperature", 99), false, "has no rule none"},
	} {
		got, err := rules.InstantBreach(tc.rule, tc.values)
		if got != tc.want || (err == nil) != (tc.problem == "") || err != nil && !strings.Contains(err.Error(), tc.problem) {
			t.Errorf("%s %v: got %v, %v", tc.rule, tc.values, got, err)
		}
	}
}
