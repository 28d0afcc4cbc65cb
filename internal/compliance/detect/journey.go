package detect

import "github.com/trackseal/trackseal/internal/telemetry"

// Journey is what the ledger says of a shipment, as far as a verdict depends on it. Whoever has the ledger's records has the
// same journey, so anybody can recompute the verdict.
type Journey struct {
	// FromMS is the start of the first assignment.
	FromMS int64
	// DepartMS is when the goods left the place of origin, 0 = with the first assignment; DeliverMS when they arrived, 0 = not
	// yet.
	DepartMS, DeliverMS int64
	// EndMS is when judging ends for good: the delivery, or 0 before it.
	EndMS int64
	// DeliverByMS is when the goods are to be delivered, 0 = the shipment does not say.
	DeliverByMS int64
	Legs        []Leg
	Trackers    []Tracker
	// Carried is the stability budget that the lot had spent before this shipment.
	Carried []Carried
}

// Leg is a time [FromMS, ToMS) during which one party held the goods; ToMS 0 = still.
type Leg struct {
	Custodian    string // MSP id
	FromMS, ToMS int64
}

// Tracker is one assigned tracker: the windows [FromMS, ToMS) in which it was bound to the shipment, and its calibrations.
type Tracker struct {
	ID           string
	Signed       bool
	Model        string
	Windows      []Window
	Calibrations []Window // the validity of the certificates on the ledger
	Sensors      []Stated // what its record stated of its sensors, by time
}

// Stated is what counts of a tracker's sensors from a time on, the first also before.
type Stated struct {
	FromMS  int64
	Sensors []telemetry.Sensor
}

// Window is [FromMS, ToMS), ToMS 0 = open.
type Window struct{ FromMS, ToMS int64 }

// Carried is one band's use before this shipment.
type Carried struct {
	Rule, Band string
	SpentMS    int64
}

// Stage of a shipment.
type Stage string

// Stages: until departure, until delivery, after it.
const (
	AtOrigin      Stage = "at_origin"
	InTransit     Stage = "in_transit"
	AtDestination Stage = "at_destination"
)

// StageWindow is when a stage lasts, [FromMS, ToMS) with ToMS 0 = open; ok is false when it has not begun. A shipment that
// nobody handed over is in transit from its first assignment on.
func (c *Journey) StageWindow(s Stage) (w Window, ok bool) {
	depart := c.DepartMS
	if depart == 0 || depart < c.FromMS {
		depart = c.FromMS
	}
	switch s {
	case AtOrigin:
		return Window{c.FromMS, depart}, depart > c.FromMS
	case InTransit:
		return Window{depart, c.DeliverMS}, true
	default:
		return Window{c.DeliverMS, c.EndMS}, c.DeliverMS != 0
	}
}
