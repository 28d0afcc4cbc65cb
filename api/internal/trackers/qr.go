package trackers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"rsc.io/qr"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Label is what a tracker's QR code says, as JSON: what a device, or who mounts it, needs to connect it. Never the secret: a label hangs
// where everybody sees it, and whoever has the secret speaks for the tracker.
type Label struct {
	Trackseal int    `json:"trackseal"` // version of this form, 1
	ID        string `json:"id"`
	MQTT      string `json:"mqtt,omitempty"`
	Profile   string `json:"profile,omitempty"`
	Gateway   string `json:"gateway,omitempty"`
	Device    string `json:"device,omitempty"`
}

const (
	typeSVG = "image/svg+xml"
	typePNG = "image/png"
	quiet   = 4 // modules of white around a code
)

func (s *Resource) qrRoutes(api *rest.API) {
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/trackers/{id}/qr", ID: "get-tracker-qr", Tag: "Trackers", Scope: access.TrackersRead,
		Summary: "Get the tracker's QR code, for its label", Errors: []int{http.StatusNotFound},
		About: `The code holds a JSON object: {"trackseal":1,"id":…,"mqtt":…} with the tracker's id and where it connects, and profile, gateway and device where it has them. ` +
			"It never holds the secret: that stands in the answer to the enrolment only.",
		Answers: rest.Files("The code", typeSVG, typePNG)}, s.qr)
}

func (s *Resource) qr(ctx context.Context, in *struct {
	shapes.TrackerPath
	Format string `query:"format" enum:"svg,png" default:"svg" doc:"Of the picture"`
}) (*rest.File, error) {
	r, err := s.Tracker(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(s.label(r))
	if err != nil {
		return nil, err
	}
	code, err := qr.Encode(string(text), qr.M)
	if err != nil {
		return nil, fmt.Errorf("QR code of %d bytes: %w", len(text), err)
	}
	out := &rest.File{ContentType: typeSVG, Disposition: fmt.Sprintf("inline; filename=%q", r.ID+"."+in.Format), Body: []byte(svg(code))}
	if in.Format == "png" {
		out.ContentType, out.Body = typePNG, code.PNG()
	}
	return out, nil
}

func (s *Resource) label(r ledger.Tracker) Label {
	pin, _ := r.Profile()
	return Label{Trackseal: 1, ID: r.ID, MQTT: s.publishAt(r.Operator), Profile: pin.Ref, Gateway: r.Gateway, Device: r.Device}
}

// svg draws a code, a unit a module; runs of black ones in a row are one rectangle.
func svg(code *qr.Code) string {
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			run := 0
			for x+run < code.Size && code.Black(x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
				x += run
			}
		}
	}
	side := code.Size + 2*quiet
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h%dv%dH0z"/><path d="%s"/></svg>`, side, side, side, side, path.String())
}
