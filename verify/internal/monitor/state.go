package monitor

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/trackseal/trackseal/internal/canon"
	"github.com/trackseal/trackseal/internal/evidence"
)

// state is what the monitor remembers. Only what was verified gets in, so what an API shows later is compared with what
// was final, also when every server has been replaced meanwhile.
//
// A crash leaves the old file or the new one. The evidence of a fork is written before the state that names it: killed
// between the two, the next run finds the fork again and writes another file. Killed before the state was written, the next
// run proves the same anchors again.
type state struct {
	Version   int    `json:"version"`
	Channel   string `json:"channel"`
	Chaincode string `json:"chaincode"`
	Config    string `json:"config"` // the policy's pin
	// Logs by heads-log id.
	Logs map[string]*heads `json:"logs"`
	// Since is when, by the monitor's clock in ms, a condition began; by condition.
	Since map[string]int64 `json:"since"`
	// Forks that were found. They stay until the auditor takes them out: a fork does not heal.
	Forks []fork `json:"forks"`
}

// heads is one heads log.
type heads struct {
	Ingest string `json:"ingest"`
	// Anchors are the newest accepted ones, consecutive, at most maxKept.
	Anchors []seen `json:"anchors"`
	// Evidence is the bundle that showed the newest; its anchors begin with number EvidenceFrom.
	Evidence     []byte `json:"evidence"`
	EvidenceFrom uint64 `json:"evidence_from"`
}

// seen is one accepted anchor.
type seen struct {
	N          uint64            `json:"n"`
	Size       uint64            `json:"size"`
	Root       string            `json:"root"`
	Tx         string            `json:"tx"`
	At         evidence.Position `json:"at"`
	Header     string            `json:"header"` // hash of the block's header
	AcceptedMS int64             `json:"accepted_ms"`
}

type fork struct {
	Key           string `json:"key"` // which contradiction; found again, it is not reported again
	Heads         string `json:"heads"`
	Ingest        string `json:"ingest"`
	N             uint64 `json:"n"`
	API           string `json:"api"`
	Contradiction string `json:"contradiction"`
	Proven        bool   `json:"proven"`
	File          string `json:"file"`
	FoundMS       int64  `json:"found_ms"`
}

const (
	stateVersion = 1
	maxKept      = 512
	maxState     = 1 << 30
)

func (h *heads) newest() *seen { return &h.Anchors[len(h.Anchors)-1] }

// at returns the accepted anchor with this number, nil when it is not kept.
func (h *heads) at(n uint64) *seen {
	if len(h.Anchors) == 0 {
		return nil
	}
	first := h.Anchors[0].N
	if n < first || n-first >= uint64(len(h.Anchors)) {
		return nil
	}
	return &h.Anchors[n-first]
}

// after is when the anchor that follows number n was accepted, or an older one where that is no longer kept.
func (h *heads) after(n int64) int64 {
	if s := h.at(uint64(n + 1)); n >= -1 && s != nil {
		return s.AcceptedMS
	}
	return h.Anchors[0].AcceptedMS
}

// openState reads the state file; a missing one is a new state.
func openState(path string, p *evidence.Policy) (*state, error) {
	s := &state{Version: stateVersion, Channel: p.Channel, Chaincode: p.Chaincode, Config: p.Config.Hash, Logs: map[string]*heads{}, Since: map[string]int64{}}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxState))
	if err != nil {
		return nil, err
	}
	old := new(state)
	if err := canon.UnmarshalJSON(raw, old); err != nil {
		return nil, fmt.Errorf("state %s is damaged (%w): put back a copy, or remove it and lose what was seen so far", path, err)
	}
	if old.Version != stateVersion {
		return nil, fmt.Errorf("state %s is of version %d, this program reads %d", path, old.Version, stateVersion)
	}
	if old.Channel != s.Channel || old.Chaincode != s.Chaincode || old.Config != s.Config {
		return nil, fmt.Errorf("state %s is of channel %s pinned at %.16s, the policy of channel %s pinned at %.16s: give each ledger its own state file",
			path, clean(old.Channel), old.Config, s.Channel, s.Config)
	}
	if old.Since == nil {
		old.Since = map[string]int64{}
	}
	if old.Logs == nil {
		old.Logs = map[string]*heads{}
	}
	for id, h := range old.Logs {
		if h == nil || len(h.Anchors) == 0 {
			return nil, fmt.Errorf("state %s is damaged (heads log %.16s is empty): put back a copy, or remove it and lose what was seen so far", path, id)
		}
		for i := range h.Anchors {
			if h.Anchors[i].N != h.Anchors[0].N+uint64(i) {
				return nil, fmt.Errorf("state %s is damaged (anchors of heads log %.16s): put back a copy, or remove it and lose what was seen so far", path, id)
			}
		}
	}
	return old, nil
}

// replace writes a file so that a crash leaves the old content or the new, and the new one is on the disk when it returns.
func replace(path string, data []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".tmp-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once renamed
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
