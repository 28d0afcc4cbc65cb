// Package shapes is how several resources show the same: shipments, custody, excursions, verdicts, signatures, anchors.
package shapes

import (
	"github.com/trackseal/trackseal/api/internal/access"
)

// ShipmentPath names a shipment.
type ShipmentPath struct {
	ID string `path:"id" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" patternDescription:"1 to 64 of A-Z a-z 0-9 . _ - that begin with a letter or digit" doc:"Shipment id"`
}

// Kind of resource.
func (ShipmentPath) Kind() access.Kind { return access.Shipment }

// TrackerPath names a tracker.
type TrackerPath struct {
	ID string `path:"id" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" patternDescription:"1 to 64 of A-Z a-z 0-9 . _ - that begin with a letter or digit" doc:"Tracker id"`
}

// Kind of resource.
func (TrackerPath) Kind() access.Kind { return access.Tracker }
