package importer_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/codec"
	"github.com/trackseal/trackseal/internal/codec/importer"
	"github.com/trackseal/trackseal/internal/profile"
)

// A codec as a maker of such devices would write it, and its examples as the collections have them.
const probe = `
function decodeUplink(input) {
  var b = input.bytes;
  if (input.fPort !== 2) { return { errors: ['unknown FPort'] }; }
  var data = { TempC_SHT: ((b[0] << 24 >> 16) | b[1]) / 100, Hum_SHT: b[2] / 2, BatV: b[3] / 10, door: { open: (b[4] & 1) === 1 }, at: input.recvTime };
  var warnings = [];
  if (data.BatV < 3) { warnings.push('low battery'); }
  return { data: data, warnings: warnings };
}
function normalizeUplink(input) {
  return { data: [{ air: { temperature: input.data.TempC_SHT, relativeHumidity: input.data.Hum_SHT }, battery: input.data.BatV }] };
}
`

const probeExamples = `
uplinkDecoder:
  fileName: probe.js
  examples:
    - description: warm
      input: {fPort: 2, bytes: [0x08, 0x66, 90, 36, 1], recvTime: 2026-01-05T10:30:00.5+01:00}
      output:
        data: {TempC_SHT: 21.5, Hum_SHT: 45, BatV: 3.6, door: {open: true}, at: 2026-01-05T09:30:00.500Z}
        warnings: []
      normalizedOutput:
        data: [{air: {temperature: 21.5, relativeHumidity: 45.0}, battery: 3.6}]
    - description: cold
      type: uplink
      input: {fPort: 2, bytes: "ff38 5a 1c 00", recvTime: '2026-01-05T09:30:00Z'}
      output:
        data: {TempC_SHT: -2.0, Hum_SHT: 45, BatV: 2.8, door: {open: false}, at: '2026-01-05T09:30:00.000Z', absent: null}
        warnings: [low battery]
      normalizedOutput:
        data: {air: {temperature: -2, relativeHumidity: 45}, battery: 2.8}
    - description: other port
      input: {fPort: 3, bytes: []}
      output: {errors: [unknown FPort]}
    - description: a downlink
      type: downlink-encode
      input: {data: {}}
downlinkEncoder: {fileName: probe.js}
`

func try(t *testing.T, kind, script, description string) ([]importer.Result, []importer.Example) {
	t.Helper()
	p := codec.New(codec.Config{Children: 1})
	t.Cleanup(p.Close)
	examples, err := importer.Examples([]byte(description))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	results, err := importer.Try(ctx, p, kind, []byte(script), examples)
	if err != nil {
		t.Fatal(err)
	}
	return results, examples
}

func TestImport(t *testing.T) {
	for carrier, message := range map[string]string{
		"ttn-v3":        `{"end_device_ids":{"device_id":"probe-1"},"received_at":"2026-01-05T09:30:01Z","uplink_message":{"f_port":2,"f_cnt":7,"frm_payload":%q,"received_at":"2026-01-05T09:30:00Z","rx_metadata":[{"rssi":-97}]}}`,
		"chirpstack-v4": `{"deduplicationId":"d-1","time":"2026-01-05T09:30:00Z","deviceInfo":{"devEui":"probe-1"},"fCnt":7,"fPort":2,"data":%q,"rxInfo":[{"rssi":-97}]}`,
	} {
		t.Run(carrier, func(t *testing.T) {
			kind := importer.Kind(carrier)
			results, _ := try(t, kind, probe, probeExamples)
			if len(results) != 3 {
				t.Fatalf("%d results, want the 3 of uplinks", len(results))
			}
			for _, r := range results {
				if !r.Agrees {
					t.Errorf("%s: %s", r.Name, r.Problem)
				}
			}
			d, err := importer.Propose(importer.Want{ID: "carrier.probe", Carrier: carrier, Licence: "MIT", Origin: "https://maker.example/probe"}, []byte(probe), results)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			p, err := profile.Parse(raw)
			if err != nil {
				t.Fatalf("the proposal is no profile: %v\n%s", err, raw)
			}
			// The proposal reads what the network sends.
			payload := []byte(fmt.Sprintf(message, base64.StdEncoding.EncodeToString([]byte{0x08, 0x66, 90, 36, 1})))
			parts, skip, err := p.Parts("", payload)
			if err != nil || skip || len(parts) != 1 || parts[0].Device != "probe-1" {
				t.Fatalf("parts: %+v, %v, %v", parts, skip, err)
			}
			data, port, err := p.CodecInput("", parts[0].Payload)
			if err != nil {
				t.Fatal(err)
			}
			pool := codec.New(codec.Config{Children: 1})
			defer pool.Close()
			at := time.Date(2026, 1, 5, 9, 30, 2, 0, time.UTC).UnixMilli()
			decoded, err := pool.Run(t.Context(), d.Codec.Kind, []byte(d.Codec.Script), codec.Input{Bytes: data, FPort: port, RecvMS: at})
			if err != nil {
				t.Fatal(err)
			}
			read, err := p.Read("", parts[0].Payload, decoded, at)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{`"temperature":21.5`, `"humidity":45`, `"voltage":3.6`, `"rssi":-97`} {
				if !strings.Contains(string(read.Reads), want) {
					t.Errorf("%s is missing in %s", want, read.Reads)
				}
			}
			if read.Seq == nil || *read.Seq != 7 {
				t.Errorf("counter %v, want 7", read.Seq)
			}
		})
	}
}

// What the other collections and older codecs look like.
func TestOtherStyles(t *testing.T) {
	for _, c := range []struct{ name, kind, script, examples, readings string }{
		{"tests in JSON with comments", "auto", `function decodeUplink(i) { return { data: { temperature: i.bytes[0], relative_humidity: i.bytes[1], battery: 3 } } }`,
			"[\n\t{\n\t\t\"name\": \"a\", // of the air\n\t\t\"input\": {\"fPort\": 0x7f, \"bytes\": [0x15, 50]},\n\t\t\"expected\": {\"data\": {\"temperature\": 21, \"relative_humidity\": 50, \"battery\": 3}}\n\t}\n]",
			"temperature=$.data.temperature humidity=$.data.relative_humidity"},
		{"values with units", "decoder", `function Decoder(bytes, port) { return { sensor: { air_temperature: { value: bytes[0] / 2, unit: 'C' } }, battery_voltage: { value: 3.1 }, pos: { latitude: 54.3, longitude: 10.1 } } }`,
			`{"examples":[{"input":{"bytes":"2b","fPort":1},"output":{"data":{"sensor":{"air_temperature":{"value":21.5,"unit":"C"}},"battery_voltage":{"value":3.1},"pos":{"latitude":54.3,"longitude":10.1}}}}]}`,
			"temperature=$.data.sensor.air_temperature.value lat=$.data.pos.latitude lon=$.data.pos.longitude voltage=$.data.battery_voltage.value"},
		{"batches", "ttn", `function decodeUplink(i) { return { data: { n: 2 } } } function normalizeUplink(i) { return { data: [{ time: '2026-01-05T09:00:00Z', air: { temperature: 1 } }, { time: '2026-01-05T09:10:00Z', air: { temperature: 2 } }] } }`,
			`[{"input":{"bytes":[]},"output":{"data":{"n":2}}}]`, "temperature=$.air.temperature"},
	} {
		t.Run(c.name, func(t *testing.T) {
			results, _ := try(t, c.kind, c.script, c.examples)
			if !results[0].Agrees {
				t.Fatal(results[0].Problem)
			}
			d, err := importer.Propose(importer.Want{ID: "carrier.x", Carrier: "ttn-v3", Kind: c.kind, Licence: "MIT"}, []byte(c.script), results)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range d.Readings {
				if r.Of != "message" {
					got = append(got, r.Quantity+"="+r.From)
				}
			}
			if strings.Join(got, " ") != c.readings {
				t.Errorf("readings %v, want %s", got, c.readings)
			}
			raw, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := profile.Parse(raw); err != nil {
				t.Errorf("the proposal is no profile: %v", err)
			}
		})
	}
}

func TestDifferences(t *testing.T) {
	const script = `function decodeUplink(i) { if (i.fPort === 9) for (;;) {} if (i.fPort === 8) return { errors: ['short'] }; return { data: { a: 1, b: [1, 2], t: 'x' }, warnings: ['w'] } }`
	for _, c := range []struct{ name, example, problem string }{
		{"same", `{"input":{"bytes":[]},"output":{"data":{"a":1.0,"b":[1,2],"t":"x"}}}`, ""},
		{"number", `{"input":{"bytes":[]},"output":{"data":{"a":1.5,"b":[1,2],"t":"x"}}}`, "data.a: the example expects 1.5, the script gave 1"},
		{"list", `{"input":{"bytes":[]},"output":{"data":{"a":1,"b":[1],"t":"x"}}}`, "data.b"},
		{"member", `{"input":{"bytes":[]},"output":{"data":{"a":1,"b":[1,2]}}}`, "data.t"},
		{"warning", `{"input":{"bytes":[]},"output":{"data":{"a":1,"b":[1,2],"t":"x"},"warnings":["other"]}}`, "warnings"},
		{"error expected", `{"input":{"bytes":[]},"output":{"errors":["no"]}}`, "no error"},
		{"other error", `{"input":{"bytes":[],"fPort":8},"output":{"errors":["no"]}}`, "short"},
		{"no normalizer", `{"input":{"bytes":[]},"output":{"data":{"a":1,"b":[1,2],"t":"x"}},"normalizedOutput":{"data":{"air":{"temperature":1}}}}`, "normalized"},
		{"endless", `{"input":{"bytes":[],"fPort":9},"output":{"data":{}}}`, "limit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			results, _ := try(t, "ttn", script, "["+c.example+"]")
			if r := results[0]; r.Agrees != (c.problem == "") || !strings.Contains(r.Problem, c.problem) {
				t.Errorf("agrees %v, %q; want %q", r.Agrees, r.Problem, c.problem)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct{ name, description, says string }{
		{"nothing", ``, "no uplinkDecoder.examples"},
		{"text", `hello`, "no uplinkDecoder.examples"},
		{"no YAML", "a: [", "no YAML"},
		{"no examples", `uplinkDecoder: {fileName: x.js}`, "no uplinkDecoder.examples"},
		{"only downlinks", `[{"type":"downlink-encode"}]`, "no example of an uplink"},
		{"no bytes", `[{"input":{"fPort":1},"output":{}}]`, "example 1: input.bytes"},
		{"no byte", `[{"input":{"bytes":[256]},"output":{}}]`, "256 is no byte"},
		{"port", `[{"input":{"bytes":[1],"fPort":1000},"output":{}}]`, "fPort"},
		{"time", `[{"input":{"bytes":[1],"recvTime":"yesterday"},"output":{}}]`, "recvTime"},
		{"no output", `[{"input":{"bytes":[1]}}]`, "no output"},
		{"anchors", "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: [*g,*g,*g,*g,*g,*g,*g,*g,*g]\n", "no YAML"},
		{"itself", "a: &a {a: *a}\n", "YAML"},
		{"large", strings.Repeat(" ", importer.MaxDescription+1), "at most"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := importer.Examples([]byte(c.description)); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
	results, _ := try(t, "ttn", `function decodeUplink(i) { return { data: { x: 1 } } }`, `[{"input":{"bytes":[]},"output":{"data":{"x":1}}}]`)
	for _, c := range []struct {
		want    importer.Want
		results []importer.Result
		err     error
	}{
		{importer.Want{ID: "a.b", Carrier: "ttn-v3"}, results, importer.ErrLicence},
		{importer.Want{ID: "a.b", Carrier: "x", Licence: "MIT"}, results, importer.ErrCarrier},
		{importer.Want{ID: "a.b", Carrier: "ttn-v3", Licence: "MIT"}, nil, importer.ErrExamples},
		{importer.Want{ID: "a.b", Carrier: "ttn-v3", Licence: "MIT"}, results, importer.ErrNothing},
	} {
		if _, err := importer.Propose(c.want, []byte("x"), c.results); !errors.Is(err, c.err) {
			t.Errorf("got %v, want %v", err, c.err)
		}
	}
}

func FuzzExamples(f *testing.F) {
	f.Add([]byte(probeExamples))
	f.Add([]byte(`[{"input":{"bytes":"00ff"},"expected":{"data":{"1":1}}}]`))
	f.Add([]byte("- input: {bytes: [1], recvTime: 2026-01-05T09:30:00Z}\n  output: {data: {1: x}}\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		examples, err := importer.Examples(raw)
		if (err == nil) != (len(examples) > 0) {
			t.Errorf("%d examples, %v", len(examples), err)
		}
	})
}
