package ledger

import (
	"strconv"
	"strings"
)

// RuleSet is one published version of a compliance rule set. It is created once and never changes. Version 1 makes its
// publisher the owner of the id: later versions come from the same organisation, one after the other.
type RuleSet struct {
	ID      string `json:"id"`
	Version int    `json:"version"`
	Hash    string `json:"hash"` // SHA-256 of Rules, hex: what shipments pin
	// Rules is the canonical JSON, byte for byte; base64 in the record. A listing leaves it out.
	Rules     []byte `json:"rules,omitempty"`
	Publisher string `json:"publisher"` // MSP id
	TimeMS    int64  `json:"time_ms"`
	Tx        string `json:"tx"`
}

// PublishArgs publishes the next version of a rule set, in canonical JSON (base64).
type PublishArgs struct {
	Rules []byte `json:"rules"`
}

// RefArgs names a rule set or a profile as id@version.
type RefArgs struct {
	Ref string `json:"ref"`
}

func (a PublishArgs) Validate() error {
	if len(a.Rules) == 0 || len(a.Rules) > MaxRules {
		return invalid("rules must be 1 to %d bytes, base64", MaxRules)
	}
	return nil
}

func (a RefArgs) Validate() error { return checkRef("ref", a.Ref) }

func checkRef(member, ref string) error {
	if !ruleSetRef.MatchString(ref) {
		return invalid("%s must be name@version, not %.80q", member, ref)
	}
	return nil
}

// SplitRef takes id@version apart; ok is false when it is not of that form.
func SplitRef(ref string) (id string, version int, ok bool) {
	if !ruleSetRef.MatchString(ref) {
		return "", 0, false
	}
	id, number, _ := strings.Cut(ref, "@")
	version, err := strconv.Atoi(number)
	return id, version, err == nil
}
