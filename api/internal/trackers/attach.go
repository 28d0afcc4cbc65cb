package trackers

import (
	"cmp"
	"context"
	"net/http"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/ledger"
)

type profileBody struct {
	Profile string `json:"profile" maxLength:"74" doc:"name@version of GET /v1/profiles; empty = plain JSON"`
}

type gatewayBody struct {
	Gateway string `json:"gateway" maxLength:"64" doc:"Tracker of this organisation that speaks for it from now on; empty = none"`
	Device  string `json:"device,omitempty" maxLength:"128" doc:"What the gateway calls it; absent = its id without the organisation's name. Without a gateway: what its own messages call it, of a device that is sent by such a platform alone"`
}

// attachRoutes say how the messages of a tracker come, and what reads them.
func (s *Resource) attachRoutes(api *rest.API) {
	change := func(verb, summary, about string, example rest.Object) rest.Operation {
		return rest.Operation{Method: http.MethodPost, Path: "/v1/trackers/{id}/" + verb, ID: "set-tracker-" + verb, Tag: "Trackers", Scope: access.TrackersWrite,
			Summary: summary, About: about, Write: true, Errors: []int{http.StatusNotFound}, Example: example}
	}
	rest.Add(api, change("profile", "Say what the tracker's messages are read by from now on",
		"Of a tracker that cannot sign. What it sent before stays as it was read. Devices behind a gateway have a profile of their own: they took the gateway's when they were enrolled, and keep it.",
		rest.Object{"profile": "thingsboard-device@1"}), s.setProfile)
	rest.Add(api, change("gateway", "Say which gateway speaks for the tracker from now on",
		"A gateway is a tracker of the same organisation that has no gateway itself. A tracker with a key goes from one gateway to another only: who holds its key was said at its enrolment.",
		rest.Object{"gateway": "GATEWAY-3", "device": "Fridge 7"}), s.setGateway)
}

func (s *Resource) setProfile(ctx context.Context, in *struct {
	shapes.TrackerPath
	rest.Idempotent
	Body profileBody
}) (*rest.Answer[Tracker], error) {
	a := ledger.TrackerProfileArgs{ID: in.ID, Profile: in.Body.Profile}
	return changeTracker(ctx, s, in.ID, ledger.TrackerProfile, a, func(r ledger.Tracker) bool {
		p, _ := r.Profile()
		return p.Ref == a.Profile
	})
}

func (s *Resource) setGateway(ctx context.Context, in *struct {
	shapes.TrackerPath
	rest.Idempotent
	Body gatewayBody
}) (*rest.Answer[Tracker], error) {
	a := ledger.GatewayArgs{ID: in.ID, Gateway: in.Body.Gateway, Device: in.Body.Device}
	device := a.Device
	if a.Gateway != "" {
		a.Gateway, device = s.OwnID(a.Gateway), cmp.Or(device, ledger.DeviceName(a.ID))
	}
	return changeTracker(ctx, s, in.ID, ledger.TrackerGateway, a, func(r ledger.Tracker) bool {
		return r.Gateway == a.Gateway && r.Device == device
	})
}
