package judging

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Rules finds rule sets: those that are built in, and those in the ledger's registry. A published version never changes,
// so it is asked for once.
type Rules struct {
	ledger records.Ledger
	names  *members.Directory
	mu     sync.Mutex
	known  map[string]RuleSetInfo
}

// maxKnown bounds what is kept: a rule set may have 64 KiB.
const maxKnown = 512

// NewRules knows the built-in ones at first.
func NewRules(l records.Ledger, names *members.Directory) *Rules {
	return &Rules{ledger: l, names: names, known: map[string]RuleSetInfo{}}
}

// find gives a rule set by its id@version; the error is NOT_FOUND when there is none.
func (b *Rules) Find(ctx context.Context, ref string) (RuleSetInfo, error) {
	if r, ok := compliance.Lookup(ref); ok {
		return RuleSetInfo{RuleSet: r, Ref: ref, Hash: r.Hash(), Builtin: true}, nil
	}
	if _, _, ok := ledger.SplitRef(ref); !ok {
		return RuleSetInfo{}, rest.NotFound("rule set", ref)
	}
	b.mu.Lock()
	v, ok := b.known[ref]
	b.mu.Unlock()
	if ok {
		return v, nil
	}
	record, err := ledger.RuleSetGet.Ask(ctx, b.ledger, ledger.RefArgs{Ref: ref})
	if ledger.CodeOf(err) == ledger.NotFound {
		return v, rest.NotFound("rule set", ref)
	}
	if err != nil {
		return v, err
	}
	rules, err := compliance.Parse(record.Rules)
	if err == nil && (rules.Hash() != record.Hash || rules.Ref() != ref || !bytes.Equal(rules.Canonical(), record.Rules)) {
		err = fmt.Errorf("its hash or name differs")
	}
	if err != nil {
		// Chaincode of a newer version may accept rules that this program cannot read; it must not judge by half of them.
		return v, &ledger.Error{Code: ledger.Conflict, Message: fmt.Sprintf("rule set %s cannot be read by this version: %v", ref, err)}
	}
	v = ShowPublished(b.names, rules, record)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.known) >= maxKnown {
		clear(b.known)
	}
	b.known[ref] = v
	return v, nil
}

// pinned gives the rules that a shipment is judged by, checked against the hash that it pinned.
func (b *Rules) Pinned(ctx context.Context, r ledger.Shipment) (RuleSetInfo, error) {
	v, err := b.Find(ctx, r.RuleSet)
	if err == nil && v.Hash == r.RuleSetHash {
		return v, nil
	}
	if err != nil && !rest.IsNotFound(err) {
		return v, err
	}
	return v, &ledger.Error{Code: ledger.Conflict, Message: fmt.Sprintf("rule set %s with hash %s is not one that this version knows", r.RuleSet, r.RuleSetHash)}
}

// RuleSetInfo is a rule set with what a shipment pins, and where it comes from.
type RuleSetInfo struct {
	compliance.RuleSet
	Ref         string                  `json:"ref" doc:"id@version"`
	Hash        string                  `json:"hash" doc:"SHA-256 of the canonical JSON"`
	Builtin     bool                    `json:"builtin" doc:"Comes with the programs; else it is in the ledger's registry"`
	Publisher   rest.Null[string]       `json:"publisher" doc:"Organisation that published it"`
	PublishedAt rest.Null[rest.Instant] `json:"published_at"`
	Tx          rest.Null[string]       `json:"tx" doc:"Transaction that published it"`
}

func ShowPublished(names *members.Directory, rules compliance.RuleSet, r ledger.RuleSet) RuleSetInfo {
	return RuleSetInfo{RuleSet: rules, Ref: rules.Ref(), Hash: r.Hash, Publisher: rest.OrNull(names.Name(r.Publisher)), PublishedAt: rest.InstantOrNull(r.TimeMS), Tx: rest.OrNull(r.Tx)}
}
