package compliance

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

const kindsRules = `{"schema":"trackseal-rule-set/1","id":"kinds","version":1,"title":"","max_gap_s":300,"rules":[
	{"id":"shock","severity":"major","per":"leg","shock":{"min":"90","min_ms":"5","min_velocity":"1"}},
	{"id":"drop","severity":"major","drop":{"free_fall_below":"3","impact_above":"14","min_height":"0.2","restitution":"0.5"}},
	{"id":"vibration","severity":"minor","settle_s":30,"vibration":{"max":"3","window_s":60}},
	{"id":"opening","severity":"critical","stages":["in_transit"],"opening":{"light_above":"10","door":true,"samples":2,"max_open_s":90,
		"allowed_in":[{"id":"dock","circle":{"lat":"0","lon":"0","radius_m":500}}]}},
	{"id":"enter","severity":"minor","geofence":{"fences":[{"id":"square","polygon":[["0.02","-0.01"],["0.02","0.01"],["0.03","0.01"],["0.03","-0.01"]]}],"forbid":"enter","dwell_s":60}},
	{"id":"inside","severity":"minor","stages":["at_destination"],"geofence":{"fences":[{"id":"dock","circle":{"lat":"0","lon":"0","radius_m":500}}],"forbid":"outside"}},
	{"id":"corridor","severity":"minor","corridor":{"points":[["0","-1"],["0","1"]],"within_m":700}},
	{"id":"stop","severity":"minor","stop":{"max_s":100,"radius_m":150}},
	{"id":"both","severity":"minor","all":[{"id":"moving","drop":{"free_fall_below":"3","impact_above":"14","min_height":"0.2"}},{"id":"away","corridor":{"points":[["0","-1"],["0","1"]],"within_m":700}}]}]}`

// Rules on movement and place give the same result for every order of arrival, and for what comes twice.
func TestMovementAndPlaceInAnyOrder(t *testing.T) {
	rs, err := Parse([]byte(kindsRules))
	if err != nil {
		t.Fatal(err)
	}
	journey := detect.Journey{FromMS: 0, DepartMS: 500_000, DeliverMS: 2_000_000, Legs: []detect.Leg{{Custodian: "A", ToMS: 500_000}, {Custodian: "B", FromMS: 500_000}},
		Trackers: []detect.Tracker{{ID: "a", Windows: []detect.Window{{ToMS: 1_000_000}, {FromMS: 1_200_000}}}}}
	rapid.Check(t, func(t *rapid.T) {
		var all []Reading
		now := int64(0)
		for i := range rapid.IntRange(1, 40).Draw(t, "readings") {
			now += rapid.SampledFrom([]int64{0, 10, 50, 1000, 60_000, 200_000, 400_000}).Draw(t, "dt")
			v := map[string]float64{"lon": 0}
			for _, m := range []struct {
				name string
				pick []float64
			}{{"shock", []float64{0, 100, 500}}, {"shock_ms", []float64{2, 11}}, {"vibration", []float64{1, 4}}, {"light", []float64{0, 30}}, {"door", []float64{0, 1}},
				{"lat", []float64{0, 0.004, 0.0047, 0.006, 0.025}}, {"accel_z", []float64{0.1, 9.8, 15, 30}}} {
				if x := rapid.SampledFrom(append(m.pick, -1)).Draw(t, m.name); x >= 0 {
					v[m.name] = x
				}
			}
			v["accel_x"], v["accel_y"] = 0, 0
			all = append(all, Reading{Tracker: "a", Point: detect.NewPoint(now, [32]byte{byte(i)}, v)})
		}
		shuffled := rapid.Permutation(all).Draw(t, "arrival")
		late, err := New(rs, journey)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range shuffled {
			late.Add(r.Tracker, r.Point)
			if rapid.IntRange(0, 5).Draw(t, "again") == 0 {
				late.Add(r.Tracker, r.Point)
			}
		}
		a, err1 := Judge(rs, journey, all, now+1000)
		b, err2 := late.Result(now + 1000)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		ja, _ := json.Marshal(a)
		jb, _ := json.Marshal(b)
		if string(ja) != string(jb) {
			t.Fatalf("%s\nbut late\n%s", ja, jb)
		}
	})
}
