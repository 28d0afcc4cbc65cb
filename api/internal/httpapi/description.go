package httpapi

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/trackseal/trackseal/api/internal/access"
)

const about = "Shipments, trackers, telemetry and their evidence. Every error is an RFC 9457 problem with a stable `code`. " +
	"Listings are paged by an opaque `cursor`. Writes honour `Idempotency-Key`. What belongs to others answers 404."

var scopes = map[string]string{
	access.TrackersRead: "See trackers", access.TrackersWrite: "Enrol, rotate, revoke and calibrate trackers",
	access.ShipmentsRead: "See shipments", access.ShipmentsWrite: "Create shipments, assign trackers, hand over, deliver, close, sign, claim breaches",
	access.TelemetryRead: "Read telemetry, messages, compliance, verification", access.AnchorsRead: "See anchors", access.NetworkRead: "See the network's health",
	access.RulesWrite: "Publish rule sets",
}

// tags in the order in which a reader meets them.
var tags = []*huma.Tag{
	{Name: "Access", Description: "Access tokens of the development issuer. With an OIDC provider these routes are not there."},
	{Name: "Trackers", Description: "Devices, their keys and calibration; how they connect over MQTT."},
	{Name: "Shipments", Description: "Consignments, the trackers bound to them, delivery and close."},
	{Name: "Custody", Description: "Handovers: custody moves only by the word of both sides."},
	{Name: "Telemetry", Description: "Readings and messages as the store holds them."},
	{Name: "Live", Description: "Server-sent events."},
	{Name: "Compliance", Description: "Verdicts, excursions, signatures and dispositions."},
	{Name: "Rule sets", Description: "Versioned compliance rules that shipments pin."},
	{Name: "Evidence", Description: "Anchors, verification by this server, and bundles for verification without it."},
	{Name: "Reports", Description: "Files for people and authorities."},
	{Name: "Network", Description: "Health of what this api talks to."},
}
