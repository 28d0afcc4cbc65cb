// Package profile reads the messages of trackers that do not speak Trackseal's own JSON. A profile is a document: which messages it is
// about, and where in them the values stand. Pure: the same document and the same bytes give the same readings on every machine, at
// ingest, at a replica and in an auditor's verifier. docs/profiles.md describes it.
package profile

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/trackseal/trackseal/internal/canon"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Document is a profile as it is written, published and hashed.
type Document struct {
	ID      string `json:"id"`
	Version int    `json:"version"`
	Title   string `json:"title"`
	About   string `json:"about,omitempty"`
	Source  string `json:"source,omitempty"`  // where the maker documents the messages
	Licence string `json:"licence,omitempty"` // of this document
	// Topics are MQTT filters on the sender's topic; absent = any. A message that came without a topic (HTTP) matches always.
	Topics []string `json:"topics,omitempty"`
	// SkipTopics are taken and dropped without a word: what the device says beside its readings.
	SkipTopics []string    `json:"skip_topics,omitempty"`
	When       []Condition `json:"when,omitempty"`
	Skip       bool        `json:"skip,omitempty"` // drops a message that is not as When says; else it is refused
	Devices    *Devices    `json:"devices,omitempty"`
	// Format is senml for a SenML pack (RFC 8428): paths are then on its resolved records. Absent = JSON, text or a number as it stands.
	Format    string             `json:"format,omitempty" enum:"senml"`
	Each      string             `json:"each,omitempty"`
	Time      *Time              `json:"time,omitempty"`
	Step      *Step              `json:"step,omitempty"`
	Sequence  *Sequence          `json:"sequence,omitempty"`
	MessageID string             `json:"message_id,omitempty"`
	Readings  []Reading          `json:"readings"`
	Sensors   []telemetry.Sensor `json:"sensors,omitempty"` // suggested for the tracker's record
	Codec     *Codec             `json:"codec,omitempty"`
}

// Condition: the path finds something; with Is, one of these.
type Condition struct {
	Path string   `json:"path"`
	Is   []string `json:"is,omitempty"`
}

// Devices says how a gateway's message names its devices.
type Devices struct {
	Split string `json:"split,omitempty"` // selects the parts; absent = one part, the whole
	ID    string `json:"id"`              // name, a path in the part, topic:N (level, from 0), or $$.x: a path in the whole
}

// Time says when a reading was measured.
type Time struct {
	From    string   `json:"from"`                                // a path, or receipt
	As      string   `json:"as,omitempty"`                        // auto, s, ms, us, ns, rfc3339, layout:… of Go
	Zone    string   `json:"zone,omitempty"`                      // of a layout without one
	Offsets []Offset `json:"offsets,omitempty"`                   // of the zone
	Of      string   `json:"of,omitempty" enum:"reading,message"` // where From looks
}

// Step spreads the readings of a message with one time.
type Step struct {
	Seconds     int    `json:"seconds,omitempty"`
	From        string `json:"from,omitempty"` // seconds that the message says
	NewestFirst bool   `json:"newest_first,omitempty"`
	Of          string `json:"of,omitempty" enum:"first,last"` // which reading has the message's time
}

// Sequence is a counter of messages that the tracker or its network keeps.
type Sequence struct {
	From string `json:"from"`
	Bits int    `json:"bits,omitempty"` // it begins again at 2^bits
}

// Reading is where a quantity stands. Of several for one quantity, the first one that finds something counts.
type Reading struct {
	Quantity string `json:"quantity"`
	From     string `json:"from"`
	Unit     string `json:"unit,omitempty"` // of the value after scale and offset; a path when the message says it
	Scale    string `json:"scale,omitempty"`
	Offset   string `json:"offset,omitempty"`
	// Separator: the value is a field of a text such as "52.5,13.4"; Field counts from 0.
	Separator string `json:"separator,omitempty"`
	Field     int    `json:"field,omitempty"`
	// Topic is an MQTT filter: only messages of this topic say the quantity, where a device has a topic for each.
	Topic  string            `json:"topic,omitempty"`
	Errors []string          `json:"errors,omitempty"` // sent in the place of a measurement
	Values map[string]string `json:"values,omitempty"` // what words mean
	Of     string            `json:"of,omitempty" enum:"message,codec"`
}

// Codec is a script that decodes what the message carries, before paths look into it.
type Codec struct {
	Script    string            `json:"script"`
	Kind      string            `json:"kind,omitempty" enum:"ttn,chirpstack,decoder,auto"`
	Bytes     string            `json:"bytes,omitempty"` // absent = the payload itself
	Encoding  string            `json:"encoding,omitempty" enum:"base64,hex"`
	Port      string            `json:"port,omitempty"`
	Licence   string            `json:"licence,omitempty"`
	Origin    string            `json:"origin,omitempty"`
	Variables map[string]string `json:"variables,omitempty"`
}

// MaxBytes bounds the JSON of a profile.
const MaxBytes = 256 << 10

// Profile is a document made ready. It may be used by many at a time.
type Profile struct {
	document  Document
	canonical []byte
	hash      telemetry.Hash
	plan
}

// Parse reads and checks a profile. The error names every member that is wrong.
func Parse(raw []byte) (*Profile, error) {
	d, err := decode(raw)
	if err != nil {
		return nil, err
	}
	p := &Profile{document: d, canonical: encode(d)}
	if len(p.canonical) > MaxBytes {
		return nil, fmt.Errorf("profile: larger than %d bytes", MaxBytes)
	}
	p.hash = sha256.Sum256(p.canonical)
	if p.plan, err = newPlan(&p.document); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return p, nil
}

func decode(raw []byte) (d Document, err error) {
	if len(raw) > MaxBytes {
		return d, fmt.Errorf("profile: larger than %d bytes", MaxBytes)
	}
	if err := canon.UnmarshalJSON(raw, &d); err != nil {
		if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return d, fmt.Errorf("profile: %s is a %s, must be a %s%s", kind.Field, kind.Value, kind.Type, quoted(kind))
		}
		return d, fmt.Errorf("profile: %w", err)
	}
	return d, nil
}

// quoted tells the most frequent mistake.
func quoted(e *json.UnmarshalTypeError) string {
	if e.Value == "number" && e.Type.Kind().String() == "string" {
		return " (decimals stand in quotes, so that all read the same)"
	}
	return ""
}

// encode is the canonical form: members in the order of the struct, absent ones left out, no blank, no HTML escapes.
func encode(d Document) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(d); err != nil { // texts, integers and booleans only: cannot fail
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Ref is "id@version".
func (p *Profile) Ref() string { return p.document.ID + "@" + strconv.Itoa(p.document.Version) }

// Document is the profile as it was written; it must not be changed.
func (p *Profile) Document() Document { return p.document }

// Canonical is the JSON that Hash covers.
func (p *Profile) Canonical() []byte { return bytes.Clone(p.canonical) }

// Hash is what the ledger pins and an envelope names.
func (p *Profile) Hash() telemetry.Hash { return p.hash }

// Bits is how long the sequence's counter is: it begins again at 2^Bits. 0 = the profile has none.
func (p *Profile) Bits() int {
	if p.document.Sequence == nil {
		return 0
	}
	return p.bits
}
