package compliance

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/telemetry"
)

const faultMinute = 60_000

// everyFive makes readings five minutes apart.
func everyFive(values ...float64) (out []Reading) {
	for i, v := range values {
		out = append(out, Reading{Tracker: "T", Point: detect.NewPoint(int64(i)*5*faultMinute, [32]byte{byte(i + 1)}, map[string]float64{"temperature": v})})
	}
	return out
}

func judgeFaults(t *testing.T, rules string, sensors []telemetry.Sensor, readings []Reading) Result {
	t.Helper()
	rs, ok := Lookup(rules)
	if !ok {
		var err error
		if rs, err = Parse([]byte(rules)); err != nil {
			t.Fatal(err)
		}
	}
	tracker := detect.Tracker{ID: "T", Windows: []detect.Window{{FromMS: 0}}}
	if sensors != nil {
		tracker.Sensors = []detect.Stated{{FromMS: 0, Sensors: sensors}}
	}
	journey := detect.Journey{Trackers: []detect.Tracker{tracker}}
	res, err := Judge(rs, journey, readings, 0)
	if err != nil {
		t.Fatal(err)
	}
	// The same, reading by reading.
	e, err := New(rs, journey)
	if err != nil {
		t.Fatal(err)
	}
	for i := range readings {
		e.Add(readings[len(readings)-1-i].Tracker, readings[len(readings)-1-i].Point)
		if _, err := e.Result(0); err != nil {
			t.Fatal(err)
		}
	}
	if again, err := e.Result(0); err != nil || string(again.Encode()) != string(res.Encode()) {
		t.Errorf("backwards: %v\n%s\nwant\n%s", err, again.Encode(), res.Encode())
	}
	return res
}

const slowRules = `{"schema":"trackseal-rule-set/1","id":"slow","version":1,"title":"slow","max_gap_s":900,"rules":[
	{"id":"warm","severity":"major","limit":{"metric":"temperature","op":">","value":"8","mode":"consecutive","duration_s":1800}},
	{"id":"cold","severity":"major","limit":{"metric":"temperature","op":"<","value":"2","mode":"consecutive","duration_s":1800}}]}`

func TestErrorValuesAreUnknownTime(t *testing.T) {
	ds := []telemetry.Sensor{{Quantity: "temperature", Model: "ds18b20"}}
	ds18b20 := []float64{4.3, 4.4, 85, 85, 4.4, 4.5, -127, -127, 4.5, 4.4, 4.4, 4.5}
	for _, tc := range []struct {
		name      string
		rules     string
		sensors   []telemetry.Sensor
		values    []float64
		verdict   string
		faults    string
		unknown   int64 // minutes
		excursion string
	}{
		{"power-on and disconnected, sensor stated", "general-2-8@1", ds, ds18b20, Inconclusive, "error_value 85 2, error_value -127 2", 20, ""},
		{"the same, by rules that a short time cannot break", slowRules, ds, ds18b20, Compliant, "error_value 85 2, error_value -127 2", 20, ""},
		{"sensor not stated: 85 can be true", "general-2-8@1", nil, ds18b20, NonCompliant, "error_value -127 2", 10, "hot/T/600000"},
		{"no probe", "general-2-8@1", nil, []float64{4.3, 4.4, 327.67, 4.4, 4.5, -163.84, 4.5, 4.4, 4.4, 4.5}, Inconclusive, "error_value 327.67 1, error_value -163.84 1", 10, ""},
		{"no probe, by rules that a short time cannot break", slowRules, nil, []float64{4.3, 4.4, 327.67, 4.4, 4.5, -163.84, 4.5, 4.4, 4.4, 4.5}, Compliant, "error_value 327.67 1, error_value -163.84 1", 10, ""},
		{"below zero", slowRules, nil, []float64{4.3, 4.4, -327.67, 4.4, 4.5}, Compliant, "error_value -327.67 1", 5, ""},
		{"too long", slowRules, nil, []float64{4.3, 4.4, -127, -127, -127, -127, -127, -127, 4.4, 4.5}, Inconclusive, "error_value -127 6", 30, ""},
		{"beside a warm time that it could make long", slowRules, nil, []float64{4.3, 9, 9, 9, 9, -127, -127, 4.4}, Inconclusive, "error_value -127 2", 10, ""},
		{"a stay that is too long without it", slowRules, nil, []float64{4.3, 9, 9, 9, 9, 9, 9, 9, -127, -127, 4.4}, NonCompliant, "error_value -127 2", 10, "warm/T/300000"},
		{"as the first reading: no time to begin in", "general-2-8@1", ds, []float64{85, 4.4, 4.4}, Inconclusive, "error_value 85 1", 5, ""},
		{"nothing else", slowRules, ds, []float64{85, 85, 85}, Inconclusive, "error_value 85 3", 10, ""},
		{"outside of the stated range", slowRules, []telemetry.Sensor{{Quantity: "temperature", Min: "-30", Max: "60"}}, []float64{4, 4, 61, 70, 4}, Compliant, "outside_sensor_range 61 2", 10, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res := judgeFaults(t, tc.rules, tc.sensors, everyFive(tc.values...))
			var faults, excursions []string
			for _, f := range res.Faults {
				faults = append(faults, fmt.Sprint(f.Reason, " ", f.Value, " ", f.Readings))
			}
			for _, x := range res.Excursions {
				excursions = append(excursions, x.ID)
			}
			if got := strings.Join(faults, ", "); res.Verdict != tc.verdict || got != tc.faults || strings.Join(excursions, ", ") != tc.excursion {
				t.Errorf("%s, faults %q, excursions %q, want %s, %q, %q\n%q", res.Verdict, got, excursions, tc.verdict, tc.faults, tc.excursion, res.Reasons)
			}
			if len(res.Metrics) != 1 || res.Metrics[0].UnknownMS != tc.unknown*faultMinute {
				t.Errorf("%+v, want %d minutes unknown", res.Metrics, tc.unknown)
			}
			said := strings.Contains(strings.Join(res.Reasons, "\n"), "without a measurement")
			if said != (res.Verdict != Compliant) {
				t.Errorf("reasons %q", res.Reasons)
			}
		})
	}
}

// A value that is thrown away must not make a trip look better than silence would: what was measured before does not hold through it.
func TestAFaultIsNeverMetByLoss(t *testing.T) {
	rules := `{"schema":"trackseal-rule-set/1","id":"x","version":1,"title":"x","max_gap_s":900,"rules":[
		{"id":"hot","severity":"critical","limit":{"metric":"temperature","op":">=","value":"25","mode":"instant"}}]}`
	values := []float64{4, 30, 4, 4}
	told := judgeFaults(t, rules, nil, everyFive(values...))
	hidden := judgeFaults(t, rules, []telemetry.Sensor{{Quantity: "temperature", Max: "25"}}, everyFive(values...))
	if told.Verdict != NonCompliant || hidden.Verdict != Inconclusive {
		t.Errorf("%s, and %s with a sensor that is said to end at 25 °C, want %s and %s", told.Verdict, hidden.Verdict, NonCompliant, Inconclusive)
	}
}

// Two fixes at 0, 0 leave nothing: where the goods were is unknown. A lost sign is one fix astray.
func TestNoFixLeavesNoYard(t *testing.T) {
	rules := `{"schema":"trackseal-rule-set/1","id":"yard","version":1,"title":"yard","max_gap_s":900,"rules":[
		{"id":"inside","severity":"major","geofence":{"fences":[{"id":"yard","circle":{"lat":"52.5","lon":"13.4","radius_m":5000}}],"forbid":"exit"}},
		{"id":"long","severity":"major","geofence":{"fences":[{"id":"yard","circle":{"lat":"52.5","lon":"13.4","radius_m":5000}}],"forbid":"exit","dwell_s":1800}},
		{"id":"corr","severity":"major","corridor":{"points":[["52.49","13.38"],["52.51","13.42"]],"within_m":5000}},
		{"id":"stop","severity":"major","stop":{"max_s":7200,"radius_m":100}}]}`
	var readings []Reading
	for i, fix := range [][2]float64{{52.5, 13.4}, {52.500167, 13.4}, {52.500333, 13.4}, {52.5005, 13.4}, {0, 0}, {0, 0}, {52.501, 13.4}, {52.501167, 13.4}, {52.5, -13.4}, {52.5015, 13.4}, {52.501667, 13.4}, {52.501833, 13.4}} {
		readings = append(readings, Reading{Tracker: "T", Point: detect.NewPoint(int64(i)*5*faultMinute, [32]byte{byte(i + 1)}, map[string]float64{"lat": fix[0], "lon": fix[1], "temperature": 4})})
	}
	res := judgeFaults(t, rules, nil, readings)
	states := map[string]string{}
	for _, r := range res.Rules {
		states[r.ID] = r.State
	}
	if want := map[string]string{"inside": "unknown", "long": "met", "corr": "unknown", "stop": "met"}; res.Verdict != Inconclusive || !reflect.DeepEqual(states, want) {
		t.Errorf("%s %v %q, want %v", res.Verdict, states, res.Reasons, want)
	}
	for _, f := range res.Faults {
		if f.Reason != telemetry.NoFix || f.Readings != 2 {
			t.Errorf("%+v", f)
		}
	}
	if !strings.Contains(strings.Join(res.Reasons, "; "), "2 readings of position without a measurement: no fix (T)") {
		t.Errorf("reasons %q", res.Reasons)
	}
}

// Each kind of rule takes a fault as unknown.
func TestEveryKindTakesAFaultAsUnknown(t *testing.T) {
	for name, tc := range map[string]struct {
		rule   string
		good   map[string]float64
		fault  map[string]float64
		states string
	}{
		"mean":                      {`"mkt":{"metric":"temperature","max":"8","window_s":3600,"min_coverage":"0.95","activation_k":"10000"}`, map[string]float64{"temperature": 4}, map[string]float64{"temperature": -127}, "unknown"},
		"budget":                    {`"budget":{"metric":"temperature","label_min":"2","label_max":"8","bands":[{"id":"w","min":"8","max":"30","total_s":7200}],"unknown":"none"}`, map[string]float64{"temperature": 4}, map[string]float64{"temperature": 327.67}, "unknown"},
		"charged to the worst band": {`"budget":{"metric":"temperature","label_min":"2","label_max":"8","bands":[{"id":"w","min":"8","max":"30","total_s":240}],"unknown":"worst"}`, map[string]float64{"temperature": 4}, map[string]float64{"temperature": 327.67}, "broken"},
		"shock":                     {`"shock":{"min":"500"}`, map[string]float64{"shock": 20}, map[string]float64{"shock": 40000}, "unknown"},
		"pulse":                     {`"limit":{"metric":"shock","op":">","value":"500","mode":"instant"}`, map[string]float64{"shock": 20}, map[string]float64{"shock": 40000}, "unknown"},
		"vibration":                 {`"vibration":{"max":"5","window_s":60}`, map[string]float64{"vibration": 1}, map[string]float64{"vibration": 4000}, "unknown"},
		"opening":                   {`"opening":{"light_above":"10"}`, map[string]float64{"light": 1}, map[string]float64{"light": 150000}, "unknown"},
		"magnitude":                 {`"limit":{"metric":"acceleration","op":">=","value":"100","mode":"instant"}`, map[string]float64{"accel_x": 0, "accel_y": 0, "accel_z": 9.8}, map[string]float64{"accel_x": 0, "accel_y": 4500, "accel_z": 9.8}, "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			rules := `{"schema":"trackseal-rule-set/1","id":"x","version":1,"title":"x","max_gap_s":900,"rules":[{"id":"r","severity":"major",` + tc.rule + `}]}`
			state := func(odd map[string]float64) RuleResult {
				var readings []Reading
				for i := range 24 {
					values := tc.good
					if i == 12 {
						values = odd
					}
					readings = append(readings, Reading{Tracker: "T", Point: detect.NewPoint(int64(i)*5*faultMinute, [32]byte{byte(i + 1)}, values)})
				}
				return judgeFaults(t, rules, nil, readings).Rules[0]
			}
			good, bad := state(tc.good), state(tc.fault)
			if good.State != "met" || bad.State != tc.states {
				t.Errorf("%s %q, and %s %q with a fault, want met and %s", good.State, good.Reasons, bad.State, bad.Reasons, tc.states)
			}
		})
	}
}
