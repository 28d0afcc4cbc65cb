package shapes

import "github.com/trackseal/trackseal/api/internal/rest"

// Kinds of alarms.
const (
	TrackerSilent  = "tracker_silent"
	ShipmentSilent = "shipment_silent"
	BatteryLow     = "battery_low"
	ClockOff       = "clock_off"
)

// AlarmKinds are all of them.
var AlarmKinds = []string{TrackerSilent, ShipmentSilent, BatteryLow, ClockOff}

// Alarm is something about a tracker that somebody should look at.
type Alarm struct {
	Kind     string                  `json:"kind" enum:"tracker_silent,shipment_silent,battery_low,clock_off"`
	Shipment rest.Null[string]       `json:"shipment" doc:"That the tracker is on; null when it is on none"`
	Tracker  rest.Null[string]       `json:"tracker" doc:"null for a shipment whose trackers are all silent"`
	Since    rest.Instant            `json:"since" doc:"Of silence: when the tracker was heard last, or was assigned; else when this node noticed"`
	Over     rest.Null[rest.Instant] `json:"over" doc:"When it ended; null while it lasts"`
	Detail   string                  `json:"detail" doc:"In words" example:"nothing heard; it promised to speak by 2026-12-01T09:00:00.000Z"`
}
