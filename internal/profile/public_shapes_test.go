package profile

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// publicShapes are messages that makers and users have published: the file, the key of what is expected, the profile and the topic.
var publicShapes = []struct{ file, key, ref, topic, zone string }{
	{"tasmota-sensor.json", "tasmota-sensor", "tasmota@1", "tele/probe/SENSOR", "layout:2006-01-02T15:04:05 $.Time"},
	{"zigbee2mqtt.json", "zigbee2mqtt", "zigbee2mqtt@1", "zigbee2mqtt/probe", ""},
	{"chirpstack-v4.json", "chirpstack-v4", "chirpstack-v4@1", "application/a/device/0000000000000001/event/up", ""},
	{"ttn-v3.json", "ttn-v3", "ttn-v3@1", "v3/a@ttn/devices/pallet-7/up", ""},
	{"rtl_433.json", "rtl_433", "rtl-433@1", "rtl_433/host/devices/Prologue-TH/2/5", "layout:2006-01-02 15:04:05 $.time"},
	{"thingsboard-ts.json", "thingsboard-ts", "thingsboard-device@1", "v1/devices/me/telemetry", ""},
	{"traccar-forward.json", "traccar-forward", "traccar-forward@1", "", ""},
	{"owntracks.json", "owntracks", "owntracks@1", "owntracks/user/device", ""},
	{"senml-json-rfc8428.json", "senml-json-rfc8428", "senml-json@1", "", ""},
	{"shelly-ht-gen1.json", "shelly-ht-gen1", "shelly-ht@1", "shellies/probe/sensor/temperature", ""},
	{"ruuvi-gateway.json", "ruuvi-gateway", "ruuvi-gateway@1", "ruuvi/00:00:00:00:00:01/AA:BB:CC:DD:EE:FF", ""},
}

// TestPublicShapes reads them where they are at hand, in the folder TRACKSEAL_PAYLOADS.
func TestPublicShapes(t *testing.T) {
	folder := os.Getenv("TRACKSEAL_PAYLOADS")
	raw, err := os.ReadFile(filepath.Join(folder, "expected.json"))
	if folder == "" || err != nil {
		t.Skip("the public shapes are not at hand")
	}
	var expected map[string][]map[string]any
	if err := json.Unmarshal(raw, &expected); err != nil {
		t.Fatal(err)
	}
	for _, shape := range publicShapes {
		t.Run(shape.key, func(t *testing.T) {
			payload, err := os.ReadFile(filepath.Join(folder, shape.file))
			if err != nil {
				t.Fatal(err)
			}
			p := found(t, shape.ref)
			if shape.zone != "" {
				p = inBerlin(t, p, shape.zone)
			}
			var decoded []byte
			if p.codec != nil { // what the script makes of the file's bytes; that it does, the codec's tests show
				decoded = []byte(`{"data":{"temperature_200th":878,"humidity_400th":20363,"pressure_pa_less_50000":50631,"accel_x_mg":12,"accel_y_mg":8,"accel_z_mg":1068,"battery_mv_less_1600":1412,"measurement":4}}`)
			}
			parts, skip, err := p.Parts(shape.topic, payload)
			if err != nil || skip || len(parts) != 1 {
				t.Fatalf("%d parts, skip %v, %v", len(parts), skip, err)
			}
			r, err := p.Read(shape.topic, parts[0].Payload, decoded, receivedMS)
			if err != nil {
				t.Fatal(err)
			}
			checkLaws(t, p, shape.topic, parts[0], decoded, receivedMS, r)
			compareReadings(t, r.Reads, expected[shape.key])
		})
	}
}

func found(t testing.TB, ref string) *Profile {
	t.Helper()
	p, ok := Find(ref)
	if !ok {
		t.Fatalf("no ready profile %s", ref)
	}
	return p
}

// inBerlin makes of a ready profile the one that a user with devices in a zone publishes.
func inBerlin(t *testing.T, p *Profile, as string) *Profile {
	t.Helper()
	d := p.Document()
	layout, from, _ := strings.Cut(as, " $")
	d.ID, d.Time = "ours."+d.ID, &Time{From: "$" + from, As: layout, Zone: "Europe/Berlin", Offsets: []Offset{{"2026-10-25T01:00:00Z", "+01:00"}}}
	p, err := Parse(encode(d))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func compareReadings(t *testing.T, reads []byte, want []map[string]any) {
	t.Helper()
	opened, err := telemetry.Open(telemetry.LeafUnsigned, telemetry.PlainEnvelope("TRK-1", reads), receivedMS)
	if err != nil {
		t.Fatal(err)
	}
	if len(opened.Readings) != len(want) {
		t.Fatalf("%d readings, want %d: %s", len(opened.Readings), len(want), reads)
	}
	for i, w := range want {
		got := opened.Readings[i]
		if at, _, _ := strings.Cut(fmt.Sprint(w["time"]), " "); at != "receipt" && at != "ts," {
			ms, err := time.Parse(time.RFC3339Nano, at)
			if err != nil {
				t.Fatal(err)
			}
			if got.TimeMS != ms.UnixMilli() {
				t.Errorf("reading %d is of %d, want %s", i, got.TimeMS, at)
			}
		}
		for name, v := range w {
			if n, ok := v.(float64); ok && math.Abs(got.Values[name]-n) > 0.005 {
				t.Errorf("reading %d: %s is %v, want %v (%s)", i, name, got.Values[name], n, reads)
			}
		}
		for name := range w {
			if !slices.Contains([]string{"time", "note"}, name) {
				if _, ok := got.Values[name]; !ok {
					t.Errorf("reading %d has no %s: %s", i, name, reads)
				}
			}
		}
	}
}
