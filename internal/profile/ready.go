package profile

import (
	"embed"
	"fmt"
	"slices"
	"sync"

	"github.com/trackseal/trackseal/internal/telemetry"
)

//go:embed ready/*.json
var readyFiles embed.FS

// readyOrder is how listings show them. A version never changes once it was released: envelopes name its hash.
var readyOrder = []string{
	"plain-json", "thingsboard-device", "thingsboard-gateway", "traccar-forward", "ttn-v3", "chirpstack-v4", "teltonika-codec-json", "owntracks",
	"ruuvi-gateway", "zigbee2mqtt", "tasmota", "milesight", "efento", "dragino", "tive", "ticatag", "senml-json", "shelly-ht", "rtl-433",
}

var ready = sync.OnceValue(func() []*Profile {
	all := make([]*Profile, len(readyOrder))
	for i, name := range readyOrder {
		data, err := readyFiles.ReadFile("ready/" + name + ".json")
		if err == nil {
			all[i], err = Parse(data)
		}
		if err != nil { // a test reads them all
			panic(fmt.Sprintf("ready profile %s: %v", name, err))
		}
	}
	return all
})

// Ready are the profiles that come with Trackseal, in the order in which listings show them.
func Ready() []*Profile { return slices.Clone(ready()) }

// Find finds a ready profile by "id@version".
func Find(ref string) (*Profile, bool) {
	for _, p := range ready() {
		if p.Ref() == ref {
			return p, true
		}
	}
	return nil, false
}

// ByHash finds a ready profile by its hash.
func ByHash(h telemetry.Hash) (*Profile, bool) {
	for _, p := range ready() {
		if p.hash == h {
			return p, true
		}
	}
	return nil, false
}
