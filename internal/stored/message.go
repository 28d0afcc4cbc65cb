// Package stored has the shapes that a time-series store keeps for ingest and answers to the API: messages, readings and windows of
// them, heads, quarantined messages, data quality. A store is an adapter that writes a Batch and answers these queries.
package stored

import "github.com/trackseal/trackseal/internal/telemetry"

// Trust classes of a message.
const (
	Signed   = "signed"
	Unsigned = "unsigned"
)

// Message is a tracker's message with its place in a log.
type Message struct {
	Log        string // hex
	Leaf       uint64
	Entry, Raw []byte // the leaf's bytes, and the message as published
	Tracker    string
	Shipment   string
	Trust      string
	Boot, Seq  uint64
	Kind       int
	TimeMS     int64
	ReceivedMS int64
	Flags      []string
	Readings   int
}

// Open reads what the tracker said.
func (m *Message) Open() (telemetry.Opened, error) {
	kind := uint8(telemetry.LeafUnsigned)
	if m.Trust == Signed {
		kind = telemetry.LeafSigned
	}
	return telemetry.Open(kind, "", m.Raw, m.ReceivedMS)
}

// MessageInfo is a signed message's numbers without its bytes.
type MessageInfo struct {
	Log, Tracker       string
	Leaf               uint64
	Boot, Seq          uint64
	TimeMS, ReceivedMS int64
}

// MessageInfoQuery selects signed messages of one log.
type MessageInfoQuery struct {
	Log          string
	Tracker      string // "" = every tracker's
	Leaves       uint64 // only leaves below; 0 = all
	FromMS, ToMS int64  // received in [FromMS, ToMS); ToMS 0 = no end
}

// Rejected is a quarantined message.
type Rejected struct {
	Reason, Topic, Detail string
	Raw                   []byte
	ReceivedMS            int64
}
