package codec_test

import (
	"testing"

	"github.com/trackseal/trackseal/internal/codec"
	"github.com/trackseal/trackseal/internal/profile"
)

// TestReadyCodecs runs the scripts that stand in ready profiles on messages in the published format, and reads what they make.
func TestReadyCodecs(t *testing.T) {
	const topic = "ruuvi/C8:25:2D:8E:9C:2C/CB:B8:33:4C:88:4F"
	p, ok := profile.Find("ruuvi-gateway@1")
	if !ok {
		t.Fatal("no ready profile ruuvi-gateway@1")
	}
	pl := pool(t, codec.Config{})
	for name, c := range map[string]struct{ data, want string }{
		"all values":     {"0201061BFF99040502A84E20C5C2FFF0001003F8B0F6220111CBB8334C884F", `{"accel_x":-0.1569064,"accel_y":0.1569064,"accel_z":9.9635564,"humidity":50,"pressure":1006.26,"rssi":-64,"temperature":3.4,"time":"2026-11-30T03:12:00.000Z","voltage":3.015}`},
		"below zero":     {"0201061BFF990405F05F4E20C5C2000C0008042CB0964A0004AABBCCDDEEFF", `{"accel_x":0.1176798,"accel_y":0.0784532,"accel_z":10.4735022,"humidity":50,"pressure":1006.26,"rssi":-64,"temperature":-20.005,"time":"2026-11-30T03:12:00.000Z","voltage":3.012}`},
		"invalid values": {"0201061BFF99040502A8FFFFFFFF800080008000FFE0220111CBB8334C884F", `{"rssi":-64,"temperature":3.4,"time":"2026-11-30T03:12:00.000Z"}`},
	} {
		payload := []byte(`{"gw_mac":"C8:25:2D:8E:9C:2C","rssi":-64,"aoa":[],"gwts":1796008321,"ts":1796008320,"data":"` + c.data + `","coords":""}`)
		bytes, port, err := p.CodecInput(topic, payload)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := pl.Run(t.Context(), p.Document().Codec.Kind, []byte(p.Document().Codec.Script), codec.Input{Bytes: bytes, FPort: port})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		r, err := p.Read(topic, payload, decoded, 1_796_008_400_000)
		if err != nil || string(r.Reads) != c.want {
			t.Errorf("%s: %s, %v, want %s (decoded %s)", name, r.Reads, err, c.want, decoded)
		}
	}
	if _, err := pl.Run(t.Context(), "ttn", []byte(p.Document().Codec.Script), codec.Input{Bytes: []byte{2, 1, 6, 3, 3, 0xaa, 0xfe}}); err == nil {
		t.Error("an advertisement of another maker was decoded")
	}
}
