package profile

import (
	"testing"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// BenchmarkRead compares what a profile costs with the plain JSON of the same readings: opening that, reading by a profile, and both as
// ingest does (the envelope is opened for its readings).
func BenchmarkRead(b *testing.B) {
	plain := []byte(`{"time":"2026-11-30T03:20:00.000Z","temperature":4.25,"humidity":51.5,"battery":88,"location":{"lat":52.52,"lon":13.405},"speed":13.5,"seq":1204}`)
	for _, in := range []struct{ name, ref, topic, payload string }{
		{"plain-json", "plain-json@1", "", string(plain)},
		{"thingsboard", "thingsboard-device@1", "v1/devices/me/telemetry", `{"ts":1796008800000,"values":{"temperature":4.25,"humidity":51.5,"battery":88,"latitude":52.52,"longitude":13.405,"speed":13.5}}`},
		{"traccar", "traccar-forward@1", "", `{"position":{"id":1,"deviceId":10,"protocol":"teltonika","serverTime":"2026-11-30T03:20:01.000+00:00","deviceTime":"2026-11-30T03:20:00.000+00:00","fixTime":"2026-11-30T03:20:00.000+00:00","valid":true,"latitude":52.52,"longitude":13.405,"altitude":35.0,"speed":26.24,"course":180.0,"attributes":{"temp1":4.25,"humidity1":51.5,"batteryLevel":88,"motion":true}},"device":{"id":10,"uniqueId":"000000000000001"}}`},
	} {
		p := found(b, in.ref)
		payload := []byte(in.payload)
		b.Run(in.name+"/read", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Read(in.topic, payload, nil, receivedMS); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(in.name+"/read without ignored", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.read(in.topic, payload, nil, receivedMS, false); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(in.name+"/parts", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := p.Parts(in.topic, payload); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(in.name+"/whole", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				parts, _, err := p.Parts(in.topic, payload)
				if err != nil {
					b.Fatal(err)
				}
				r, err := p.Read(in.topic, parts[0].Payload, nil, receivedMS)
				if err != nil {
					b.Fatal(err)
				}
				e := telemetry.Envelope{Tracker: "TRK-1", Profile: p.hash, Topic: in.topic, Payload: parts[0].Payload, Reads: r.Reads}
				if _, err := telemetry.Open(telemetry.LeafUnsigned, e.Encode(), receivedMS); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("plain", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := telemetry.Open(telemetry.LeafUnsigned, telemetry.PlainEnvelope("TRK-1", plain), receivedMS); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("filter", func(b *testing.B) { // the dearest path of the ready profiles
		p := found(b, "efento@1")
		payload := []byte(`{"serial":"1","measured_at":"2026-11-30 03:21:00","params":[{"channel":1,"type":"temperature","value":5.1},{"channel":2,"type":"humidity","value":38}]}`)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := p.Read("", payload, nil, receivedMS); err != nil {
				b.Fatal(err)
			}
		}
	})
}
