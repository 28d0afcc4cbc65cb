package adversary

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/trackseal/trackseal/api/internal/bundle"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

var nonce = []byte("the auditor's own")

// auditor is the policy of who judges a trip.
func (t *trip) auditor() *evidence.Policy {
	p := t.policy()
	p.ClockMS, p.StatedMaxS, p.SilenceS = t.clockMS, t.statedS, t.stepMS/1000
	p.Require = []string{"authentic", "anchored", "final", "complete", "compliant"}
	if err := p.Validate(); err != nil {
		panic(err)
	}
	return p
}

// collect has the API's own collector make the bundle.
func (t *trip) collect(ctx context.Context, closing *ledger.Close) ([]byte, error) {
	logs := []*log{t.log}
	for _, d := range t.devices {
		if err := t.own(ctx, d); err != nil {
			return nil, err
		}
		logs = append(logs, d.log)
	}
	source := &bundle.Source{Channel: ledger.Channel, Chaincode: ledger.Chaincode, Ledger: t.chain, Store: store(logs...), Consistency: t.heads.consistency, Log: slog.New(slog.DiscardHandler)}
	b, err := source.Collect(ctx, bundle.Request{Shipment: *t.record, Close: closing, Logs: []bundle.Log{{ID: t.log.name(), Ingest: t.heads.ingest}}, RuleSet: rules.Canonical(), Nonce: nonce})
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = b.Write(ctx, &out)
	return out.Bytes(), err
}

// own finds the id of a device's own log.
func (t *trip) own(ctx context.Context, d *device) error {
	if d.log.id != ([32]byte{}) {
		return nil
	}
	raw, err := t.ask(ctx, who{carrier, contract.Operator}, ledger.TrackerGet, ledger.IDArgs{ID: d.ID})
	if err != nil {
		return nil // never enrolled
	}
	var r ledger.Tracker
	if err := json.Unmarshal(raw, &r); err != nil {
		return err
	}
	d.log.id = trackerLog(d.ID, r.EnrolTx, t.heads.ingest)
	for i := range d.log.messages {
		d.log.messages[i].Log = d.log.name()
	}
	return nil
}

// laws are what no bundle of the trip may break. The error says which one a report breaks.
func (t *trip) laws(raw []byte, r *evidence.Report) error {
	b, err := open(raw)
	if err != nil {
		return nil // it says nothing
	}
	says := func(q evidence.Question) bool { return r.Verdicts.Of(q) == evidence.Pass }
	onLedger := says(evidence.Anchored) && says(evidence.Final)
	if says(evidence.Final) {
		for _, id := range b.records() {
			if slices.Contains(t.lost, id) {
				return fmt.Errorf("final, with the invalid transaction %s", id)
			}
		}
	}
	if onLedger && says(evidence.Authentic) {
		if err := t.authentic(b); err != nil {
			return err
		}
	}
	if onLedger && says(evidence.Complete) {
		if err := t.complete(b, r); err != nil {
			return err
		}
	}
	if says(evidence.Compliant) {
		return t.compliant(b, r)
	}
	if r.Verdicts.Of(evidence.Compliant) == evidence.Fail && onLedger && says(evidence.Authentic) && says(evidence.Complete) {
		return t.blame(r)
	}
	return nil
}

// authentic: every leaf is what a device signed.
func (t *trip) authentic(b *opened) error {
	for i, l := range b.leaves {
		if l.COSE == nil {
			return fmt.Errorf("authentic, without leaf %d", i)
		}
		m := t.signed(l.COSE)
		switch {
		case m == nil:
			return fmt.Errorf("authentic, and no device has signed leaf %d", i)
		case l.Pack != nil && !bytes.Equal(l.Pack, pack(m.raw)):
			return fmt.Errorf("authentic, with other readings of tick %d than were signed", m.tick)
		}
	}
	return nil
}

func (t *trip) signed(cose []byte) *message {
	for _, m := range t.messages {
		if bytes.Equal(m.cose(), cose) {
			return m
		}
	}
	return nil
}

// complete: the shipment's end is the ledger's, and each message of a tracker's time with the goods is there.
func (t *trip) complete(b *opened, r *evidence.Report) error {
	if t.closing == nil || r.Facts.ClosedMS != t.record.ClosedMS || r.Facts.DeliveredMS != t.record.DeliveredMS {
		return fmt.Errorf("complete, delivered %d and closed %d; the ledger says %+v", r.Facts.DeliveredMS, r.Facts.ClosedMS, t.record)
	}
	for _, m := range t.messages {
		if t.truth.inside(m.device.ID, m.timeMS, t.edge(b, m)) && !b.has(m.cose()) {
			return fmt.Errorf("complete, without the message of %s at tick %d", m.device.ID, m.tick)
		}
	}
	return nil
}

// edge is how near to the ends of its time with the goods a message may be missing. Clocks may be apart, so it could be of the other
// side. A tracker that is never heard again may have been silent as long as the policy lets it, and have promised nothing earlier.
func (t *trip) edge(b *opened, m *message) int64 {
	edge := t.clockMS + t.truth.slackMS
	if !b.hears(m.device.ID, m.timeMS) {
		edge += t.promiseS()*1000 + t.auditor().SilenceS*1000
	}
	return edge
}

// compliant: it was not too hot while a tracker that was with the goods measured, as far as the judgement goes.
func (t *trip) compliant(b *opened, r *evidence.Report) error {
	j := r.Judgement
	if j == nil {
		return errors.New("compliant, without a judgement")
	}
	warned := func(c evidence.Code) bool {
		return slices.ContainsFunc(r.Findings, func(f evidence.Finding) bool { return f.Code == c })
	}
	for _, m := range t.messages {
		if m.device.decoy {
			continue
		}
		edge := t.edge(b, m)
		for _, x := range m.readings {
			if x.Values["temperature"] < 25 || x.TimeMS >= j.ToMS {
				continue
			}
			// What was said of the time afterwards is said in a warning, and the judgement by the other times stands beside.
			if r.Beside != nil && warned(evidence.StatedTime) && r.Beside.Verdict == compliance.NonCompliant {
				continue
			}
			if t.hidden(b, m, x.TimeMS, edge) {
				return fmt.Errorf("compliant, and %s measured %v at tick %d", m.device.ID, x.Values["temperature"], m.tick)
			}
			if id, ok := t.truth.afterwards(x.TimeMS, edge); ok && !warned(evidence.RecordedWindow) {
				return fmt.Errorf("compliant by %s, whose time with the goods was stated afterwards; it was too hot at tick %d", id, m.tick)
			}
		}
	}
	return nil
}

// hidden reports whether a judgement without a reading leaves out what it may not.
func (t *trip) hidden(b *opened, m *message, ms, edge int64) bool {
	i := slices.IndexFunc(b.leaves, func(l evidence.Leaf) bool { return bytes.Equal(l.COSE, m.cose()) })
	if i < 0 {
		// A message goes to the log of its own time: a reading that waits in its tracker until the window is over goes elsewhere.
		return t.truth.inside(m.device.ID, ms, edge) && t.truth.inside(m.device.ID, m.timeMS, edge)
	}
	// What is in the log is not left out by moving the ends, except by a delivery that was dated before what nobody had anchored yet.
	end := t.record.DeliveredMS
	if slices.ContainsFunc(t.log.heads, func(h stored.Head) bool { return h.Block < t.truth.block && h.Size > uint64(i) }) {
		end = t.truth.delivered
	}
	return t.truth.assigned(m.device.ID, ms, 0) && (end == 0 || ms < end)
}

// blame: whoever had the goods when it was too hot, as far as times can be moved.
func (t *trip) blame(r *evidence.Report) error {
	if r.Judgement == nil {
		return nil
	}
	for _, l := range r.Judgement.Legs {
		for _, id := range l.Excursions {
			i := slices.IndexFunc(r.Judgement.Excursions, func(e compliance.Excursion) bool { return e.ID == id })
			if i < 0 || r.Beside != nil {
				continue
			}
			at := r.Judgement.Excursions[i].StartMS
			if want := t.truth.custodians(at, t.clockMS+t.truth.slackMS); !slices.Contains(want, l.Custodian) {
				return fmt.Errorf("%s blamed for what happened at %d, when %v had the goods", l.Custodian, at, want)
			}
		}
	}
	return nil
}

// honest: what nobody has bent passes.
func (t *trip) honest(r *evidence.Report) error {
	want := evidence.Verdicts{Authentic: evidence.Pass, Anchored: evidence.Pass, Final: evidence.Pass, Complete: evidence.Pass, Compliant: evidence.Pass}
	if t.hotFrom < t.hotTo {
		want.Compliant = evidence.Fail
	}
	if r.Verdicts != want {
		return fmt.Errorf("an honest trip: %+v, want %+v: %v", r.Verdicts, want, r.Findings)
	}
	return nil
}

func (m *message) cose() []byte { return must(telemetry.Decode(m.raw)).COSE }

func pack(raw []byte) []byte { return must(telemetry.Decode(raw)).Pack }
