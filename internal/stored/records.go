// Package stored has the shapes that a time-series store keeps for ingest and answers to the API: messages, readings and windows of
// them, heads, quarantined messages, data quality. A store is an adapter that writes a Batch and answers these queries.
package stored

import (
	"time"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// Trust classes of a message.
const (
	Signed   = "signed"
	Unsigned = "unsigned"
)

// Message is a tracker's message with its place in a log.
type Message struct {
	Log        string // hex
	Leaf       uint64
	Entry, Raw []byte // the leaf's bytes, and what it is of: the signed message as published, or the envelope
	Tracker    string
	Shipment   string
	Trust      string
	Boot, Seq  uint64
	Kind       int
	TimeMS     int64
	ReceivedMS int64
	Flags      []string
	Readings   int

	PointNS int64 `json:"-"` // time of its point, of a message that was read from a store; 0 = the store does not say
}

// Open reads what the tracker said.
func (m *Message) Open() (telemetry.Opened, error) {
	kind := uint8(telemetry.LeafUnsigned)
	if m.Trust == Signed {
		kind = telemetry.LeafSigned
	}
	return telemetry.Open(kind, m.Raw, m.ReceivedMS)
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

// Rejected is something of a tracker's that was refused: a message, or what its device tried at the broker. The quarantine.
type Rejected struct {
	Reason, Tracker, Topic, Detail string // Tracker "" = none that the ledger knows
	Count                          uint64 // so many were refused alike since the last entry, with this one
	Raw                            []byte // the message, cut when it is long; empty when it was none
	Bytes                          int    // of the whole message
	Hash                           string // SHA-256 of its bytes, hex; "" when it was none
	ReceivedMS                     int64
}

// RejectedQuery selects what was refused of one tracker.
type RejectedQuery struct {
	Tracker string
	Before  time.Time // exclusive; zero = the newest first
	Limit   int
	Raw     bool // with the bytes
}

// MessagesQuery selects one tracker's messages in some logs.
type MessagesQuery struct {
	Tracker   string
	Logs      []string
	Before    time.Time // cursor: (Before, BeforeLog) is the last one that was given; zero = the newest first
	BeforeLog string
	Limit     int
}

// Seen is when a message was measured and received. Raw are its bytes, when they were asked for.
type Seen struct {
	Tracker, Trust     string
	Leaf               uint64
	TimeMS, ReceivedMS int64
	Raw                []byte
}

// SeenQuery selects messages that were received from FromMS on.
type SeenQuery struct {
	Tracker string   // "" = every tracker's
	Logs    []string // nil = of all logs
	FromMS  int64
	Each    int // so many of each tracker
	Raw     bool
}

// LogOf is a log and the shipment that it is of, "" for a tracker's own.
type LogOf struct{ Log, Shipment string }

// LogTags are the points of one log that have the same tags.
type LogTags struct {
	Log, Shipment, Tracker string
	Messages               uint64 // 0: readings alone
}

// Reading is what a tracker measured at one time, by quantity, with the leaf of its message.
type Reading struct {
	Log, Tracker string
	Leaf         uint64
	TimeMS       int64
	Values       map[string]float64
}

// ReadingsQuery selects readings of one or more logs, or of one tracker, in a time range [FromMS, ToMS), ToMS 0 = no end.
type ReadingsQuery struct {
	Logs         []string
	Tracker      string // "" = all of Logs; without Logs it is all that the tracker measured
	FromMS, ToMS int64
	Fields       []string  // quantity names; nil = all
	Limit        int       // 0 = no limit
	AfterTime    time.Time // exclusive cursor: (AfterTime, AfterTracker)
	AfterTracker string
}

// Window is one tracker's readings of [FromMS, ToMS): minimum, maximum, mean and count by quantity.
type Window struct {
	Tracker        string
	FromMS, ToMS   int64
	Readings       int64 // of any quantity
	Min, Max, Mean map[string]float64
	Count          map[string]int64
}

// Head is an anchored head of a log, with its place in the heads log.
type Head struct {
	Heads, Log  string // hex
	Index, Size uint64
	Root        string
	Prev        int64 // -1 = the log's first
	Closed      bool
	Entry       []byte
	HeadsSize   uint64
	HeadsRoot   string
	Tx          string
	Block       uint64
	Proof       [][32]byte // of Index in HeadsSize
	TimeMS      int64
}

// QualityHour is one hour of one tracker, counted.
type QualityHour struct {
	Tracker           string
	StartMS           int64
	Readings          int64
	Minutes, Expected int64            // with a reading, and how many were to be expected
	Flags             map[string]int64 // by reason
}

// QualityFlag is one odd reading.
type QualityFlag struct {
	Tracker, Shipment string
	Reason, Metric    string // Metric "" = the whole hour
	TimeMS            int64
	Value, Against    float64
}
