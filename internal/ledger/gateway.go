package ledger

import (
	"strings"
	"unicode/utf8"
)

// GatewayArgs says which gateway speaks for a tracker from now on. A gateway is a tracker too: one of the same owner that has no
// gateway itself.
type GatewayArgs struct {
	ID      string `json:"id"`
	Gateway string `json:"gateway"` // tracker id; "" = none, the tracker connects by itself
	// Device is what the gateway calls it; "" is the tracker's id without the owner's name. No two trackers of a gateway have one name.
	// Without a gateway it is what the tracker's own messages call it, where they name devices.
	Device string `json:"device,omitempty"`
}

func (a GatewayArgs) Validate() error {
	return first(checkID("id", a.ID), checkGateway(a.ID, a.Gateway, a.Device))
}

// checkGateway checks a gateway and the tracker's name there; both may be absent.
func checkGateway(tracker, gateway, device string) error {
	switch {
	case strings.ContainsRune(device, utf8.MaxRune):
		return invalid("device must not contain U+10FFFF") // Fabric takes it in no key
	case gateway == "":
		return checkText("device", device, 0, MaxDevice)
	case gateway == tracker:
		return invalid("gateway: %s is the tracker itself", gateway)
	}
	return first(checkID("gateway", gateway), checkText("device", device, 0, MaxDevice))
}

// DeviceName is what a gateway calls the tracker with this id unless its owner says otherwise: the id without the owner's name.
func DeviceName(tracker string) string {
	if _, local, _ := strings.Cut(tracker, "."); local != "" {
		return local
	}
	return tracker
}

// DeviceOf is the record of a gateway's device: which tracker it is.
type DeviceOf struct {
	Tracker string `json:"tracker"`
}
