package adversary

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/compliance/journey"
	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// call is the transaction of an act. All that trips ask of the contract stands in this file.
func (t *trip) call(ctx context.Context, a act) (ledger.Function, any, error) {
	id := t.shipment()
	now := t.nowMS()
	past := func(ms int64) int64 {
		if ms == 0 {
			return 0
		}
		return now + ms
	}
	d := t.devices[a.n%len(t.devices)]
	msp := who{org: a.to}.msp()
	switch a.kind {
	case "enrol":
		if t.odd != nil {
			return t.odd.enrol(t, d)
		}
		return t.enrol(d)
	case "decoy":
		// A tracker in a fridge, which keeps what it measures until it is bound to the goods, from an earlier time on.
		for _, d := range t.devices {
			if !d.decoy {
				continue
			}
			t.late = append(t.late, act{at: now - t.t0 + 1, by: a.by, kind: "publish", n: -1, evil: true})
			args := ledger.AssignArgs{Shipment: id, Tracker: d.ID, FromMS: t.t0 + t.stepMS*int64(a.n+3)}
			if a.ms < 0 {
				args.ToMS = now - 1
			}
			return ledger.ShipmentAssign, args, nil
		}
		d := t.device("D")
		d.decoy, d.hidden = true, [][]byte{}
		t.devices = append(t.devices, d)
		return t.enrol(d)
	case "create":
		return ledger.ShipmentCreate, ledger.CreateArgs{ID: id, RuleSet: rules.Ref(), RuleSetHash: rules.Hash(),
			Parties: ledger.Parties{ledger.Carrier: {"CarrierMSP"}, ledger.Shipper: {"ShipperMSP"}, ledger.Consignee: {"ConsigneeMSP"}}}, nil
	case "assign":
		return ledger.ShipmentAssign, ledger.AssignArgs{Shipment: id, Tracker: d.ID, FromMS: past(a.ms)}, nil
	case "recorded":
		return ledger.ShipmentAssign, ledger.AssignArgs{Shipment: id, Tracker: d.ID, FromMS: now + a.ms, ToMS: now - a.untilS*1000}, nil
	case "window":
		return ledger.ShipmentAssign, t.odd.window, nil
	case "unassign":
		return ledger.ShipmentUnassign, ledger.UnassignArgs{Shipment: id, Tracker: d.ID}, nil
	case "propose":
		return ledger.ShipmentPropose, ledger.ProposeArgs{ID: id, To: msp, StatedMS: past(a.ms)}, nil
	case "accept", "deliver":
		stated := past(a.ms)
		if s := t.record; stated != 0 && s != nil && s.Pending != nil && a.n > 0 { // in agreement
			stated = s.Pending.StatedMS
		}
		if a.kind == "accept" {
			return ledger.ShipmentAccept, ledger.StatedArgs{ID: id, StatedMS: stated}, nil
		}
		if h := t.truth.agreed; stated != 0 && a.n > 0 {
			stated = h
		}
		return ledger.ShipmentDeliver, ledger.StatedArgs{ID: id, StatedMS: stated}, nil
	case "reject":
		return ledger.ShipmentReject, ledger.RejectArgs{ID: id, Details: strings.Repeat("00", 32)}, nil
	case "withdraw":
		return ledger.ShipmentWithdraw, ledger.RejectArgs{ID: id, Details: strings.Repeat("00", 32)}, nil
	case "close":
		return ledger.ShipmentClose, ledger.IDArgs{ID: id}, nil
	case "revoke":
		return ledger.TrackerRevoke, ledger.RevokeArgs{ID: d.ID, Cause: "lost"}, nil
	case "rotate":
		return t.rotate(a, d)
	case "breach":
		return t.breach(a)
	case "beat":
		return ledger.BeatRenew, ledger.NoArgs{}, nil
	case "extend":
		heads := anchor.HeadsID(ledger.Channel, t.heads.ingest)
		root := fmt.Sprintf("%064x", now)
		serving, err := ledger.ServingOf(ctx, asking{t.heads.chain, ingestID}, "CarrierMSP")
		return ledger.AnchorExtend, ledger.ExtendArgs{Heads: hex.EncodeToString(heads[:]), Ingest: t.heads.ingest, OldSize: t.heads.tree.Size(), NewSize: t.heads.tree.Size() + 1, NewRoot: root, Proof: []string{}, TimeMS: now, Epoch: serving.Epoch}, err
	case "verdict":
		return t.verdict(ctx, a)
	}
	return nil, nil, fmt.Errorf("no act %q", a.kind)
}

func (t *trip) enrol(d *device) (ledger.Function, any, error) {
	k, err := telemetry.Public(d.Signer)
	if err != nil {
		return nil, nil, err
	}
	public := hex.EncodeToString(k.Raw)
	proof, err := telemetry.Sign(d.Signer, ledger.PossessionBytes(d.ID, "CarrierMSP", int(k.Alg), public))
	d.enrolled = true
	return ledger.TrackerEnrol, ledger.EnrolArgs{ID: d.ID, Alg: int(k.Alg), Public: public, Proof: hex.EncodeToString(proof)}, err
}

// rotate gives the tracker a key that its owner has: the old one is lost, the owner says.
func (t *trip) rotate(_ act, d *device) (ledger.Function, any, error) {
	thief := t.device("")
	k, err := telemetry.Public(thief.Signer)
	if err != nil {
		return nil, nil, err
	}
	public := hex.EncodeToString(k.Raw)
	proof, err := telemetry.Sign(thief.Signer, ledger.PossessionBytes(d.ID, "CarrierMSP", int(k.Alg), public))
	return ledger.TrackerRotate, ledger.RotateArgs{ID: d.ID, Alg: int(k.Alg), Public: public, Proof: hex.EncodeToString(proof), Lost: true}, err
}

// breach claims what a message shows, or does not.
func (t *trip) breach(a act) (ledger.Function, any, error) {
	if len(t.messages) == 0 {
		return nil, nil, errPlay
	}
	m := t.messages[len(t.messages)-1]
	for _, x := range t.messages {
		if hotReading(x) != 0 {
			m = x
		}
	}
	at := hotReading(m)
	if at == 0 {
		at = m.timeMS
	}
	return ledger.ComplianceBreach, ledger.BreachArgs{Shipment: t.shipment(), RuleHash: rules.Hash(), Rule: "hot", Metric: "temperature", Op: ">=", Messages: []ledger.BreachMessage{{Raw: m.raw, TimeMS: at}}}, nil
}

func hotReading(m *message) int64 {
	i := slices.IndexFunc(m.readings, func(r telemetry.Reading) bool { return r.Values["temperature"] >= 25 })
	if i < 0 {
		return 0
	}
	return m.readings[i].TimeMS
}

// verdict is what ingest says of the log that it has, or something else.
func (t *trip) verdict(ctx context.Context, a act) (ledger.Function, any, error) {
	if t.record == nil || len(t.log.messages) == 0 {
		return nil, nil, errPlay
	}
	by := who{org: a.by}
	if a.by == operator {
		by.org = carrier
	}
	newest, err := t.ask(ctx, who{carrier, contract.Operator}, ledger.ComplianceVerdict, ledger.OpinionArgs{ID: t.shipment(), By: by.msp()})
	v := ledger.Verdict{}
	if err == nil {
		if err := json.Unmarshal(newest, &v); err != nil {
			return nil, nil, err
		}
	}
	var all []compliance.Reading
	for _, m := range t.log.messages {
		o, err := m.Open()
		if err != nil {
			return nil, nil, err
		}
		for _, a := range telemetry.AsideOf(o.Readings, m.ReceivedMS) {
			all = append(all, compliance.Reading{Tracker: m.Tracker, Aside: &a})
		}
		for _, r := range o.Readings {
			if r.Counts(m.ReceivedMS) {
				all = append(all, compliance.Reading{Tracker: m.Tracker, Point: detect.NewPoint(r.TimeMS, o.Hash, r.Said())})
			}
		}
	}
	r, err := compliance.Judge(rules, journey.Of(*t.record, t.truth.handovers, nil), all, 0)
	if err != nil {
		return nil, nil, err
	}
	out := ledger.Verdict{Shipment: t.shipment(), Revision: v.Revision + 1, Supersedes: v.Revision, Result: r.Verdict, Reasons: []string{}, ToMS: r.ToMS, Logs: []ledger.LogHead{t.log.head()}, RuleHash: rules.Hash()}
	if a.evil {
		out.Result = pick1(a.n, compliance.Compliant, compliance.NonCompliant, compliance.Inconclusive)
	}
	return ledger.ComplianceRevise, out, nil
}

func pick1[T any](n int, of ...T) T { return of[n%len(of)] }
