// Package compliance judges readings by a rule set in event time. Pure: the same code runs at ingest, in the API and in
// the auditor's verifier, and gives the same result byte by byte. docs/compliance.md describes rules and results.
package compliance

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/compliance/motion"
	"github.com/trackseal/trackseal/internal/compliance/place"
	"github.com/trackseal/trackseal/internal/compliance/thermal"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Schema names the shape of a rule set, Algorithm what its members mean and how results are computed. A change of either
// that can change a result gets a new name: a verdict on a ledger must stay reproducible.
const (
	Schema    = "trackseal-rule-set/1"
	Algorithm = "trackseal-compliance/2"
)

// RuleSet is versioned data, pinned to a shipment by id@version and hash.
type RuleSet struct {
	Schema  string `json:"schema" enum:"trackseal-rule-set/1"`
	ID      string `json:"id"`
	Version int    `json:"version"`
	Title   string `json:"title"`
	// Jurisdiction is an ISO 3166-1 country code, or absent. It decides which rules are admitted (mkt.not_in).
	Jurisdiction string `json:"jurisdiction,omitempty"`
	// MaxGapS: a value holds until the next reading, but at most this long; what lies between is unknown time, never in range.
	MaxGapS int `json:"max_gap_s"`
	// Zone is needed where a rule has hours.
	Zone  *Zone  `json:"zone,omitempty"`
	Rules []Rule `json:"rules"`
}

// Rule is one demand. Exactly one of its last members, its kind, is there. Rules within All and Any have only ID, Title and
// a kind.
type Rule struct {
	ID       string `json:"id"`
	Title    string `json:"title,omitempty"`
	Severity string `json:"severity,omitempty" enum:"info,minor,major,critical"`
	// Optional: the rule is left out of the verdict when no tracker of the shipment ever measured what it is about.
	Optional bool `json:"optional,omitempty"`
	// Stages in which the rule applies; absent = all.
	Stages []string `json:"stages,omitempty" enum:"at_origin,in_transit,at_destination"`
	// SettleS: time after an assignment's or a stage's start that is not judged.
	SettleS int `json:"settle_s,omitempty"`
	// Hours of the day in which the rule applies; absent = all.
	Hours *Hours `json:"hours,omitempty"`
	// Per: shipment, or leg = judged anew for each custodian.
	Per        string       `json:"per,omitempty" enum:"shipment,leg"`
	Escalation []Escalation `json:"escalation,omitempty"`

	Limit     *Limit            `json:"limit,omitempty"`
	MKT       *thermal.MKT      `json:"mkt,omitempty"`
	Budget    *thermal.Budget   `json:"budget,omitempty"`
	Shock     *motion.Shock     `json:"shock,omitempty"`
	Drop      *motion.Drop      `json:"drop,omitempty"`
	Vibration *motion.Vibration `json:"vibration,omitempty"`
	Opening   *motion.Opening   `json:"opening,omitempty"`
	Geofence  *place.Geofence   `json:"geofence,omitempty"`
	Corridor  *place.Corridor   `json:"corridor,omitempty"`
	Stop      *place.Stop       `json:"stop,omitempty"`
	Silence   *Silence          `json:"silence,omitempty"`
	Recorder  *Recorder         `json:"recorder,omitempty"`
	Deadline  *Deadline         `json:"deadline,omitempty"`
	All       []Rule            `json:"all,omitempty"` // broken while all of these are
	Any       []Rule            `json:"any,omitempty"` // broken while one of these is
}

// Escalation: an excursion out of range for AfterS seconds has this severity.
type Escalation struct {
	AfterS   int    `json:"after_s"`
	Severity string `json:"severity" enum:"info,minor,major,critical"`
}

// Severities, in their order. What breaks an info rule is listed and does not touch the verdict.
var severities = []string{"info", "minor", "major", "critical"}

// Bounds of a rule set.
const (
	MaxBytes = 64 << 10 // of its JSON
	MaxRules = 64       // nested ones included
	MaxDepth = 3        // of all and any
	maxTime  = 10 * 366 * 24 * 3600
)

// Ref is "id@version".
func (r RuleSet) Ref() string { return r.ID + "@" + strconv.Itoa(r.Version) }

// Canonical is the JSON that Hash covers: members in the order of the struct, absent ones left out, no blank, no HTML escapes.
func (r RuleSet) Canonical() []byte {
	b, err := ledger.Encode(r)
	if err != nil { // texts, integers and booleans only: cannot fail
		panic(err)
	}
	return b
}

// Hash is what the ledger pins: the SHA-256 of the canonical form, in lower-case hex.
func (r RuleSet) Hash() string {
	h := sha256.Sum256(r.Canonical())
	return hex.EncodeToString(h[:])
}

// Parse reads and checks a rule set. The error names all problems at once.
func Parse(data []byte) (RuleSet, error) {
	r, err := Decode(data)
	if err != nil {
		return RuleSet{}, err
	}
	return r, r.Validate()
}

// Decode reads a rule set that may not be valid yet. Unknown and repeated members are refused.
func Decode(data []byte) (r RuleSet, err error) {
	if len(data) > MaxBytes {
		return r, fmt.Errorf("rule set: larger than %d bytes", MaxBytes)
	}
	if err := ledger.Decode(data, &r); err != nil {
		return RuleSet{}, fmt.Errorf("rule set: %w", err)
	}
	return r, nil
}

//go:embed ruleset.schema.json
var schemaTemplate string

// JSONSchema (2020-12) of a rule set, for editors and other programs. Parse checks more: a schema cannot say that ids are
// unique or that bands meet. The file names the metrics by a placeholder, since telemetry has their table.
var JSONSchema = func() []byte {
	names := make([]string, detect.Metrics)
	for m := range detect.Metrics {
		names[m] = m.String()
	}
	return []byte(strings.Replace(schemaTemplate, `"$metrics"`, `"`+strings.Join(names, "\",\n    \"")+`"`, 1))
}()
