package adversary

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trackseal/trackseal/api/internal/verification"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Honest trips with odd trackers have three answers: the verdict that ingest's judge gave the ledger, the API's online check, and the
// offline verifier's. They agree, nobody is accused, and no heat that was told is lost.

var oddities = pace{stepsMS: []int64{45_000, 60_000, 200_000}, ticks: 14, roles: []string{nobody}}

func oddTrip(seed uint64) *trip {
	p := newPlan(seed, oddities)
	p.clockMS = 120_000
	files := seed%8 == 0
	if files {
		p.trackers = 1 // of two that cannot sign, nobody but ingest knows which one spoke
		p.acts = slices.DeleteFunc(p.acts, func(a act) bool { return a.n > 0 && (a.kind == "enrol" || a.kind == "assign") })
		p.readOutLater()
	}
	t := memoryTrip(p, contract.Run)
	t.odd = newOdd(p, t.devices)
	if t.odd.files = files; files {
		for _, h := range t.odd.habits {
			*h = habit{plain: true, reset: func(int) bool { return false }, bad: h.bad, broken: h.broken, errors: h.errors}
		}
	}
	return t
}

// routeOdd logs a message in the log of each shipment that it belongs to, as ingest does.
func (t *trip) routeOdd(d *device, h *habit, raw []byte, receivedMS int64) error {
	kind := uint8(telemetry.LeafSigned)
	if h.plain {
		kind, raw = telemetry.LeafUnsigned, telemetry.PlainEnvelope(d.ID, raw)
	}
	o, err := telemetry.Open(kind, raw, receivedMS)
	if err != nil {
		return fmt.Errorf("ingest would refuse %q: %w", raw, err)
	}
	at := o.TimeMS
	if telemetry.Undated(at, receivedMS) != "" {
		at = receivedMS
	}
	times := []int64{at}
	for _, r := range o.Readings {
		if r.Counts(receivedMS) {
			times = append(times, r.TimeMS)
		}
	}
	ours := t.record != nil && !t.log.sealed && slices.ContainsFunc(t.record.Assignments, func(a ledger.Assignment) bool {
		return a.Tracker == d.ID && slices.ContainsFunc(times, func(ms int64) bool { return ms >= a.FromMS && (a.ToMS == 0 || ms < a.ToMS) })
	})
	if ours {
		return t.log.add(kind, t.heads.ingest, t.shipment(), raw, receivedMS)
	}
	return d.log.add(kind, t.heads.ingest, "", raw, receivedMS)
}

// online is the API's own check, which runs the offline verifier as well.
func (t *trip) online(ctx context.Context, offline *evidence.Report) (*verification.Report, error) {
	m := t.chain.(*memory)
	heads := anchor.HeadsID(ledger.Channel, t.heads.ingest)
	job := verification.Job{Shipment: *t.record, Close: t.closing, Orgs: m.PeerOrganisations(), Ledger: m, Peers: m, Store: store(t.log),
		Logs:    []verification.Log{{ID: t.log.name(), Ingest: t.heads.ingest, Heads: []string{fmt.Sprintf("%x", heads[:])}, Size: uint64(len(t.log.messages))}},
		Offline: func(context.Context) ([]evidence.Finding, error) { return offline.Findings, nil }}
	return job.Run(ctx)
}

func (t *trip) offline(ctx context.Context) (*evidence.Report, error) {
	raw, err := t.collect(ctx, t.closing)
	if err != nil {
		return nil, err
	}
	p := t.auditor()
	p.Unsigned, p.Recorded = "accept", "accept"
	return evidence.Verify(bytes.NewReader(raw), p, evidence.Options{Nonce: nonce})
}

// three wants the three answers to agree with each other and with the truth.
func (t *trip) three(ctx context.Context) error {
	if t.closing == nil && len(t.log.messages) == 0 && t.odd.slow() {
		return nil // all went to the trackers' own logs, by the times that they said
	}
	if t.closing == nil {
		return errors.New("the trip was not closed")
	}
	var told ledger.Verdict
	raw, err := t.ask(ctx, who{carrier, contract.Operator}, ledger.ComplianceVerdict, ledger.OpinionArgs{ID: t.shipment(), By: who{org: carrier}.msp()})
	if err == nil {
		err = json.Unmarshal(raw, &told)
	}
	if err != nil {
		return fmt.Errorf("the ledger's verdict: %w", err)
	}
	off, err := t.offline(ctx)
	if err != nil {
		return fmt.Errorf("no answer offline: %w", err)
	}
	on, err := t.online(ctx, off)
	if err != nil {
		return fmt.Errorf("no answer online: %w", err)
	}
	switch v := off.Verdicts; {
	case off.Judgement == nil:
		return fmt.Errorf("nothing judged: %+v %v", v, off.Findings)
	case off.Judgement.Verdict != told.Result:
		return fmt.Errorf("offline %s, the ledger was told %s: %v", off.Judgement.Verdict, told.Result, off.Judgement.Reasons)
	case v.Authentic != evidence.Pass || v.Anchored != evidence.Pass || v.Final != evidence.Pass, v.Complete != evidence.Pass && !(v.Complete == evidence.Unknown && t.odd.clocks()):
		return fmt.Errorf("an honest trip is accused: %+v %v", v, off.Findings)
	case !on.OK && !t.strayed(off):
		text, _ := json.Marshal(on.Checks)
		return fmt.Errorf("the online check accuses an honest trip: %s", text)
	}
	return t.right(told.Result)
}

// strayed: by a clock that is off as little as clocks may be, heat is dated behind a delivery before which it was anchored. That is a finding.
func (t *trip) strayed(r *evidence.Report) bool {
	return t.hotFrom < t.hotTo && t.odd.clocks() && slices.ContainsFunc(r.Findings, func(f evidence.Finding) bool { return f.Code == evidence.StrayBreach })
}

// right: heat that was told is not lost, and goods that were never warm were not too warm.
func (t *trip) right(verdict string) error {
	hot := false
	for _, x := range t.odd.told {
		within := func(ms int64) bool {
			return slices.ContainsFunc(t.record.Assignments, func(a ledger.Assignment) bool {
				return a.Tracker == x.tracker && ms >= a.FromMS && ms < t.record.DeliveredMS
			})
		}
		if x.celsius < 25 || !within(x.ms) {
			continue
		}
		hot = true
		at := x.saidMS
		undated := telemetry.Undated(at, x.receivedMS) != ""
		if undated {
			at = x.receivedMS
		}
		if !x.lost && !x.late && within(at) && verdict == compliance.Compliant {
			return fmt.Errorf("compliant, and %s told of %v at tick %d (undated: %t)", x.tracker, x.celsius, x.tick, undated)
		}
	}
	if !hot && verdict == compliance.NonCompliant {
		return errors.New("non-compliant, and the goods were never warm")
	}
	return nil
}

func playOdd(seed uint64) (string, error) {
	t := oddTrip(seed)
	err := t.play(context.Background())
	if err == nil {
		err = t.three(context.Background())
	}
	if err != nil {
		return "", fmt.Errorf("%w\n\n%s\n%s\nwhat happened:\n%s\nreproduce with TRACKSEAL_ODD_SEED=%d", err, t.plan, t.odd, strings.Join(t.said, "\n"), seed)
	}
	raw, _ := t.ask(context.Background(), who{carrier, contract.Operator}, ledger.ComplianceVerdict, ledger.OpinionArgs{ID: t.shipment(), By: who{org: carrier}.msp()})
	var v ledger.Verdict
	_ = json.Unmarshal(raw, &v)
	return v.Result, nil
}

// TestOddTrackers plays honest trips with odd trackers: TRACKSEAL_ODD_TRIPS of them (.ci/test: 10,000), from seed 1 on.
func TestOddTrackers(t *testing.T) {
	if seed, ok := number("TRACKSEAL_ODD_SEED"); ok {
		if _, err := playOdd(seed); err != nil {
			t.Fatal(err)
		}
		return
	}
	trips := uint64(200)
	if n, err := strconv.ParseUint(os.Getenv("TRACKSEAL_ODD_TRIPS"), 10, 64); err == nil {
		trips = n
	}
	begun := time.Now()
	var next atomic.Uint64
	var wait sync.WaitGroup
	var mu sync.Mutex
	verdicts := map[string]int{}
	for range runtime.NumCPU() {
		wait.Go(func() {
			for seed := next.Add(1); seed <= trips && !t.Failed(); seed = next.Add(1) {
				verdict, err := playOdd(seed)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				verdicts[verdict]++
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	t.Logf("%d trips in %s: %v", trips, time.Since(begun).Round(time.Second), verdicts)
	for _, v := range []string{compliance.Compliant, compliance.NonCompliant, compliance.Inconclusive} {
		if verdicts[v] < int(trips)/50 && !t.Failed() {
			t.Errorf("%d of %d trips are %s: the test says little", verdicts[v], trips, v)
		}
	}
}
