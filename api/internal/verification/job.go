// Package verification rebuilds a shipment's logs from what the store holds and compares everything that can be compared:
// bytes with the log, signatures with enrolled keys, stored values with signed ones, roots with anchors, anchors with
// every organisation's peer. It streams: memory does not grow with readings, and with messages by about 100 bytes each.
package verification

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/audit"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Ledger reads as the own organisation.
type Ledger interface {
	Evaluate(ctx context.Context, fn string, arg any) ([]byte, error)
}

// Peers asks one organisation's peer.
type Peers interface {
	EvaluateAt(ctx context.Context, org, fn string, arg any) ([]byte, error)
}

// Store reads what ingest wrote.
type Store interface {
	Messages(ctx context.Context, log string, from, to uint64, fn func(stored.Message) error) error
	Readings(ctx context.Context, q stored.ReadingsQuery, fn func(stored.Reading, time.Time) error) error
	Heads(ctx context.Context, log string) ([]stored.Head, error)
}

// Log is one log to verify.
type Log struct {
	ID     string   // hex
	Ingest string   // "" when not known
	Heads  []string // ids of the heads logs that may anchor it, hex; none when not known
	Size   uint64   // that the store should hold, as the writer says; 0 when it cannot be asked
}

// Job verifies one shipment.
type Job struct {
	Shipment ledger.Shipment
	Close    *ledger.Close // of a closed shipment
	Logs     []Log
	Orgs     []string // whose peers are compared
	Ledger   Ledger
	Peers    Peers
	Store    Store
	// Copied is what does not verify, or is not given, of a log that is copied from its operator; nil where none is.
	Copied func(log string) []Finding
	// Offline is what the offline verifier finds, nil where no evidence can be collected.
	Offline func(ctx context.Context) ([]evidence.Finding, error)
}

// Run reads everything once or twice. Its error is that something could not be asked; what is wrong with the data is in the
// report.
func (j *Job) Run(ctx context.Context) (*Report, error) {
	r := &run{Job: j, found: newFindings(), trackers: map[string]*enrolled{}, chains: map[string][]link{}, anchors: newAnchorBook(j.Ledger, j.Peers, j.Orgs)}
	rep := &Report{Logs: []LogReport{}}
	for _, l := range j.Logs {
		lr, seen, err := r.log(ctx, l)
		if err != nil {
			return nil, err
		}
		rep.Messages += lr.Size
		if seen {
			rep.Logs = append(rep.Logs, lr)
		}
	}
	for _, l := range j.Logs {
		if j.Copied == nil {
			break
		}
		for _, f := range j.Copied(l.ID) {
			r.found.add(f)
		}
	}
	r.sequences()
	if err := r.offline(ctx); err != nil {
		return nil, err
	}
	rep.OK, rep.Checks = r.found.report()
	return rep, nil
}

type run struct {
	*Job
	found    *findings
	trackers map[string]*enrolled
	chains   map[string][]link
	anchors  *anchorBook
}

// log verifies one log; seen is false for a log of which there is nothing anywhere.
func (r *run) log(ctx context.Context, l Log) (LogReport, bool, error) {
	rep := LogReport{Log: l.ID, Anchored: Anchored{Peers: []Peer{}}}
	heads, err := r.Store.Heads(ctx, l.ID)
	if err != nil {
		return rep, false, err
	}
	closing := r.closing(l.ID)
	c := &walk{run: r, log: l}
	c.Walk = audit.Walk{Store: r.Store, Log: audit.Log{ID: l.ID, Ingest: l.Ingest, Shipment: r.Shipment.ID}, Signed: c.signed, Say: c.say, Room: r.found.room}
	for _, h := range heads {
		// The entry decides; a column that says otherwise is a finding.
		if leaf, err := anchor.DecodeHeadLeaf(h.Entry); err == nil {
			c.Sizes = append(c.Sizes, leaf.Size)
		}
	}
	if closing != nil {
		c.Sizes = append(c.Sizes, closing.Size)
	}
	if err := c.Run(ctx); err != nil {
		return rep, false, err
	}
	rep.Size = c.Size
	end := max(l.Size, c.Size)
	for _, size := range c.Sizes {
		end = max(end, size)
	}
	c.Missing(c.Next, end)
	if c.Whole {
		rep.Root = audit.Text(c.Tree.Root())
	}
	if err := r.heads(ctx, c, heads, &rep); err != nil {
		return rep, false, err
	}
	if n := c.Size; n > rep.Anchored.Size {
		rep.Logged = n - rep.Anchored.Size
	}
	r.checkClosing(c, closing)
	return rep, c.Size > 0 || len(heads) > 0 || closing != nil || l.Size > 0, nil
}

func (r *run) closing(log string) *ledger.LogHead {
	if r.Close == nil {
		return nil
	}
	for i := range r.Close.Heads {
		if r.Close.Heads[i].Log == log {
			return &r.Close.Heads[i]
		}
	}
	return nil
}

// checkClosing compares a log of a closed shipment with what the closing record says of it.
func (r *run) checkClosing(c *walk, closing *ledger.LogHead) {
	if r.Close == nil {
		return
	}
	say := func(format string, args ...any) {
		r.found.add(Finding{Log: c.log.ID, Check: Closing, Detail: fmt.Sprintf(format, args...)})
	}
	switch {
	case closing == nil:
		if c.Size > 0 {
			say("the closing record does not name this log, which has %d leaves", c.Size)
		}
	case c.Next != closing.Size:
		say("the log has %d leaves, the closing record says %d", c.Next, closing.Size)
	case c.Roots[closing.Size] != closing.Root:
		say("the root at size %d is %s, the closing record says %s", closing.Size, cmp.Or(c.Roots[closing.Size], "not computable"), closing.Root)
	}
}

// enrolled is a tracker's registration, fetched once.
type enrolled struct {
	ledger.Tracker
	err string // why there is none
}

func (r *run) tracker(ctx context.Context, id string) (*enrolled, error) {
	if t, ok := r.trackers[id]; ok {
		return t, nil
	}
	t := new(enrolled)
	record, err := ledger.TrackerGet.Ask(ctx, r.Ledger, ledger.TrackerArgs{ID: id, Shipment: r.Shipment.ID})
	switch code := ledger.CodeOf(err); {
	case code != "":
		t.err = fmt.Sprintf("tracker %s is not on the ledger, or was never on this shipment", id)
	case err != nil:
		return nil, err
	default:
		t.Tracker = record
	}
	r.trackers[id] = t
	return t, nil
}

// key is the enrolled key that a message names, if it was in force.
func (t *enrolled) key(m *telemetry.Message, receivedMS int64) (telemetry.PublicKey, string) {
	if t.err != "" {
		return telemetry.PublicKey{}, t.err
	}
	key, err := t.KeyOf(m, receivedMS)
	if err != nil {
		return key, err.Error()
	}
	return key, ""
}
