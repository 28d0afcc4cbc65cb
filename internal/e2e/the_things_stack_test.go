package e2e

import (
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// probeCodec is a payload formatter as a maker writes it. It was written for this test.
const probeCodec = `
function decodeUplink(input) {
  if (input.bytes.length !== 3) {
    throw new Error("a pallet probe sends 3 bytes, got " + input.bytes.length);
  }
  var raw = (input.bytes[0] << 8) | input.bytes[1];
  if (raw > 32767) { raw -= 65536; }
  return { data: { temperature: raw / 100, humidity: input.bytes[2] / 2 } };
}
function normalizeUplink(input) {
  return { data: { air: { temperature: input.data.temperature, relativeHumidity: input.data.humidity } } };
}
`

const probeExamples = `
uplinkDecoder:
  fileName: pallet-probe.js
  examples:
    - description: a cold room
      input:
        fPort: 2
        bytes: [1, 164, 102]
      output:
        data:
          temperature: 4.2
          humidity: 51
      normalizedOutput:
        data:
          - air:
              temperature: 4.2
              relativeHumidity: 51
`

// uplink is what The Things Stack posts of an uplink whose application has no payload formatter.
func uplink(device string, counter int, at time.Time, hundredths int16, more ...byte) map[string]any {
	payload := append(binary.BigEndian.AppendUint16(nil, uint16(hundredths)), 102)
	when := at.UTC().Format(time.RFC3339Nano)
	return map[string]any{
		"end_device_ids": map[string]any{"device_id": device, "application_ids": map[string]any{"application_id": "cold-chain"}, "dev_eui": "70B3D57ED0000001"},
		"received_at":    when,
		"uplink_message": map[string]any{"f_port": 2, "f_cnt": counter, "frm_payload": base64.StdEncoding.EncodeToString(append(payload, more...)), "received_at": when,
			"rx_metadata": []any{map[string]any{"gateway_ids": map[string]any{"gateway_id": "roof"}, "rssi": -73, "snr": 8.8}}},
	}
}

// TestStackTheThingsStack imports a maker's codec with its example, and has The Things Stack's webhook post uplinks of two devices: the
// codec's readings are judged, a lost frame shows, and an uplink that the codec refuses is answered with its reason.
func TestStackTheThingsStack(t *testing.T) {
	s := load(t)
	carrier := s.api(t, "carrier")
	var imported struct {
		Examples []struct {
			Name    string `json:"name"`
			Agrees  bool   `json:"agrees"`
			Problem string `json:"problem"`
		} `json:"examples"`
		Problem   string `json:"problem"`
		Published struct {
			Ref string `json:"ref"`
		} `json:"published"`
	}
	id := name("probe")
	carrier.post("/v1/profiles/import", map[string]any{"id": id, "script": probeCodec, "description": probeExamples, "licence": "Apache-2.0", "carrier": "ttn-v3", "publish": true}, &imported)
	profile := imported.Published.Ref
	if profile != id+"@1" || len(imported.Examples) != 1 || !imported.Examples[0].Agrees {
		t.Fatalf("the import: %+v", imported)
	}
	application, one, two := name("TTS"), name("LA"), name("LB")
	secret := enrolUnsigned(carrier, application, map[string]any{"profile": profile})
	device := map[string]string{one: "pallet-1", two: "pallet-2"}
	for id, at := range device {
		enrolUnsigned(carrier, id, map[string]any{"gateway": application, "device": at})
	}
	p := attach(t, s, carrier, "the-things-stack", one, two)
	webhook := func(body any, want int) (taken, string) {
		t.Helper()
		code, answer, text := s.post(t, profile, "X-Trackseal-Secret", secret, body)
		if code != want {
			t.Fatalf("the intake answers %d, want %d: %s", code, want, text)
		}
		return answer, text
	}
	frame := 100
	p.first(func() bool {
		frame++
		code, _, _ := s.post(t, profile, "X-Trackseal-Secret", secret, uplink(device[one], frame, time.Now(), 420))
		if code == http.StatusAccepted {
			webhook(uplink(device[two], frame, time.Now(), -1850), http.StatusAccepted)
		}
		return code == http.StatusAccepted
	})
	sent := len(p.of(one))
	again := uplink(device[one], frame+1, time.Now(), 450)
	for range 2 { // a webhook that got no answer in time posts once more
		webhook(again, http.StatusAccepted)
	}
	webhook(uplink(device[one], frame+4, time.Now(), 475), http.StatusAccepted) // two frames are lost
	list := p.logged(one, sent+2)
	if flags := list[len(list)-1].Flags; !slices.Contains(flags, "seq_gap") {
		t.Errorf("the uplink after two lost frames has the flags %v, want seq_gap", flags)
	}
	for _, m := range list[:len(list)-1] {
		if slices.Contains(m.Flags, "seq_gap") && m.Leaf > list[0].Leaf {
			t.Errorf("leaf %d is flagged %v, and no frame was lost", m.Leaf, m.Flags)
		}
	}
	p.value(one, "temperature", 4.75)
	p.value(one, "humidity", 51)
	p.value(two, "temperature", -18.5)

	_, text := webhook(uplink(device[one], frame+5, time.Now(), 480, 1, 2), http.StatusUnprocessableEntity)
	if !strings.Contains(text, "codec_failed") || !strings.Contains(text, "a pallet probe sends 3 bytes, got 5") {
		t.Errorf("what the codec refuses is answered %s, want codec_failed and the codec's own words", text)
	}
	p.refused(one, "codec_failed", "3 bytes")
	p.verified(true)
}
