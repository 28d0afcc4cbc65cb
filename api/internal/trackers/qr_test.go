package trackers

import (
	"encoding/json"
	"strings"
	"testing"

	"rsc.io/qr"

	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/internal/ledger"
)

// What a label says is what connects the tracker, and nothing that is secret. The drawing has exactly the code's black modules.
func TestLabel(t *testing.T) {
	s := &Resource{Records: &records.Records{Members: members.New(nil, nil)}, MQTTURL: "ssl://mqtt.example:8883"}
	r := ledger.Tracker{ID: "carrier.T-1", SecretHash: strings.Repeat("5e", 32), Gateway: "carrier.G", Device: "Fridge 7",
		Profiles: []ledger.ProfilePin{{Ref: "old@1", ToMS: 5}, {Ref: "thingsboard-device@1"}}}
	text, err := json.Marshal(s.label(r))
	const want = `{"trackseal":1,"id":"carrier.T-1","mqtt":"ssl://mqtt.example:8883","profile":"thingsboard-device@1","gateway":"carrier.G","device":"Fridge 7"}`
	if err != nil || string(text) != want {
		t.Fatalf("got %s, %v; want %s", text, err, want)
	}
	code, err := qr.Encode(string(text), qr.M)
	if err != nil {
		t.Fatal(err)
	}
	black := 0
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				black++
			}
		}
	}
	drawn := 0
	_, path, _ := strings.Cut(svg(code), `d="M0 0`)
	_, path, _ = strings.Cut(path, `d="`)
	for _, run := range strings.Split(strings.TrimSuffix(path, `"/></svg>`), "z") {
		_, width, ok := strings.Cut(run, "h")
		if !ok {
			continue
		}
		width, _, _ = strings.Cut(width, "v")
		n := 0
		for _, c := range width {
			n = 10*n + int(c-'0')
		}
		drawn += n
	}
	if drawn != black {
		t.Errorf("drew %d modules, the code has %d", drawn, black)
	}
}
