package adversary

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/telemetry"
)

var rules, _ = compliance.Lookup(evidencetest.RuleSet)

// device is a tracker, which is honest: its key never leaves it.
type device struct {
	*evidencetest.Tracker
	log      *log // the tracker's own
	readings []telemetry.Reading
	enrolled bool
	decoy    bool // lies in a fridge, not with the goods
	hidden   [][]byte
}

// message is what a device signed.
type message struct {
	raw      []byte
	tick     int
	device   *device
	timeMS   int64
	readings []telemetry.Reading
	hash     telemetry.Hash
}

// trip plays a plan.
type trip struct {
	*plan
	chain
	heads      *headsLog
	name       string // makes its ids its own
	retryMS    int64  // pause before an act is tried again
	t0         int64
	measuredMS int64 // of the newest readings
	devices    []*device
	log        *log // the shipment's
	record     *ledger.Shipment
	closing    *ledger.Close
	truth      truth
	messages   []*message
	late       []act // endorsed transactions that are held back, by when they are sent
	held       []held
	valid      []string     // transactions
	lost       []string     // those that were never valid
	said       []string     // what happened, in words
	passed     bool         // an answer passes all questions
	odd        *odd         // nil: its trackers have no faults
	anchored   func() error // after each anchor; nil: nobody is told
}

func newTrip(c chain, h *headsLog, p *plan, name string) *trip {
	t := &trip{plan: p, chain: c, heads: h, name: name, t0: c.nowMS(), log: &log{}}
	for i := range p.trackers {
		t.devices = append(t.devices, t.device(fmt.Sprintf("T%d", i)))
	}
	return t
}

func (t *trip) device(name string) *device {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return &device{Tracker: &evidencetest.Tracker{ID: carrier + "." + t.name + name, Signer: key, Boot: 1}, log: &log{}}
}

func (t *trip) shipment() string { return t.creator + "." + t.name + "S" }

// held is a transaction between its endorsement and its ordering.
type held struct {
	pending
	arg    any
	timeMS int64 // as its client says
}

// play does every act at its time. The error is one of the machinery; refusals are part of the trip.
func (t *trip) play(ctx context.Context) error {
	queue := slices.Clone(t.acts)
	for len(queue) > 0 || len(t.late) > 0 {
		slices.SortStableFunc(t.late, func(a, b act) int { return cmp.Compare(a.at, b.at) })
		var a act
		if len(queue) == 0 || len(t.late) > 0 && t.late[0].at < queue[0].at {
			a, t.late = t.late[0], t.late[1:]
		} else {
			a, queue = queue[0], queue[1:]
		}
		// A busy machine plays what it is late with at once: nothing happens in the millisecond of a reading.
		if err := t.until(ctx, max(t.t0+a.at, t.measuredMS+1)); err != nil {
			return err
		}
		err := t.attempt(ctx, a)
		var refused *ledger.Error
		var stage *ledger.StageError
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case a.kind == "measure" && err == nil:
		case err == nil:
			t.said = append(t.said, a.String())
		case errors.As(err, &refused), errors.Is(err, errPlay), errors.As(err, &stage), a.evil:
			t.said = append(t.said, fmt.Sprintf("%s: %v", a, err))
		default:
			return fmt.Errorf("%s: %w", a, err)
		}
	}
	return nil
}

// attempt does an act, again where a ledger that others use as well may have made it fail: a peer is a block behind, or it lost a race.
func (t *trip) attempt(ctx context.Context, a act) error {
	tries := 2
	if t.role == nobody || t.role == outsider && !a.evil {
		tries = 12
	}
	for {
		err := t.do(ctx, a)
		var stage *ledger.StageError
		again := errors.As(err, &stage) && !errors.Is(err, ledger.ErrCommitUnknown) || ledger.CodeOf(err) != "" && !a.evil
		if tries--; err == nil || !again || tries == 0 || a.kind == "send" || t.until(ctx, t.nowMS()+t.retryMS) != nil {
			return err
		}
	}
}

// errPlay: there was nothing to do.
var errPlay = errors.New("nothing to do")

func (t *trip) do(ctx context.Context, a act) error {
	switch a.kind {
	case "measure":
		return t.measure(a.n)
	case "anchor":
		return t.anchor(ctx, a)
	case "seal":
		return t.seal(ctx, a)
	case "rewrite", "fork":
		return t.tamper(a)
	case "send":
		return t.send(ctx, a)
	case "publish":
		return t.publish(a)
	case "read out":
		return t.odd.readOut(ctx, t, a)
	}
	fn, arg, err := t.call(ctx, a)
	if err != nil {
		return err
	}
	by := who{a.by, contract.Operator}
	if a.kind == "verdict" || a.kind == "extend" {
		by.role = contract.Ingest
	}
	if a.by == operator {
		by.org = carrier
		by.role = contract.Ingest
	}
	p, err := t.endorse(ctx, by, a.aheadS*1000, fn, arg)
	if err != nil {
		return err
	}
	later := a
	later.kind, later.at, later.ms = "send", t.nowMS()-t.t0+a.holdS*1000, t.nowMS()
	later.to, later.n = fn.Name(), len(t.held)
	t.held = append(t.held, held{p, arg, t.nowMS() + a.aheadS*1000})
	if a.twice {
		again := later
		again.at += 40_000
		t.late = append(t.late, again)
	}
	if a.holdS > 0 {
		t.late = append(t.late, later)
		return nil
	}
	return t.send(ctx, later)
}

// send has a transaction ordered that was endorsed before.
func (t *trip) send(ctx context.Context, a act) error {
	p := t.held[a.n]
	r, err := t.order(ctx, p.pending)
	if err != nil {
		if errors.Is(err, ledger.ErrInvalid) && !slices.Contains(t.valid, p.id()) {
			t.lost = append(t.lost, p.id())
		}
		return err
	}
	t.valid = append(t.valid, p.id())
	switch a.to {
	case ledger.TrackerEnrol.Name(), ledger.TrackerRevoke.Name(), ledger.TrackerRotate.Name(), ledger.ComplianceRevise.Name(), ledger.ComplianceBreach.Name(), ledger.AnchorExtend.Name(), ledger.BeatRenew.Name():
		return nil
	case ledger.ShipmentClose.Name():
		t.closing = new(ledger.Close)
		if err := json.Unmarshal(r.Payload, t.closing); err != nil {
			return err
		}
		if r.Payload, err = t.ask(ctx, who{carrier, contract.Operator}, ledger.ShipmentGet, ledger.IDArgs{ID: t.shipment()}); err != nil {
			return err
		}
	}
	s := new(ledger.Shipment)
	if err := json.Unmarshal(r.Payload, s); err != nil {
		return fmt.Errorf("%s: %w", a.to, err)
	}
	if s.ID != t.shipment() {
		return nil
	}
	if t.record == nil {
		t.log.id = anchor.LogID(ledger.Channel, anchor.Shipment, s.ID, s.CreateTx, t.heads.ingest)
	}
	t.truth.changed(t.record, s, t.nowMS(), r.Block, p)
	t.record = s
	return nil
}

// measure is a tick of every device: a reading, and now and then a message.
func (t *trip) measure(tick int) error {
	now := t.nowMS()
	t.measuredMS = now
	if t.odd != nil {
		return t.odd.measure(t, tick)
	}
	for i, d := range t.devices {
		if !d.enrolled {
			continue
		}
		celsius := 4.5
		if !d.decoy && t.hot(tick, i) {
			celsius = 31
		}
		r := evidencetest.Reading(now, celsius)
		d.readings = append(d.readings, r)
		if tick%t.perMessage != 0 {
			d.Buffered = append(d.Buffered, r)
			continue
		}
		d.Temperature = func(int64) float64 { return celsius }
		raw := d.Message(now, func(c *telemetry.Claims) { c.NextDueS = uint64(t.promiseS()) })
		m, err := telemetry.Decode(raw)
		if err != nil {
			return err
		}
		out := &message{raw: raw, tick: tick, device: d, timeMS: now, readings: m.Readings, hash: m.COSEHash}
		t.messages = append(t.messages, out)
		if d.decoy && d.hidden != nil {
			d.hidden = append(d.hidden, raw)
			continue
		}
		if err := t.receive(out); err != nil {
			return err
		}
	}
	return nil
}

// receive is what ingest does with a message, or whoever runs it.
func (t *trip) receive(m *message) error {
	now := t.nowMS()
	raw := m.raw
	switch way := t.treat[m.tick]; way {
	case "drop":
		return m.device.log.append(t.heads.ingest, "", raw, now) // it is there, for who wants to show it
	case "late", "later":
		ticks := int64(2)
		if way == "later" {
			ticks = 6
		}
		t.late = append(t.late, act{at: now - t.t0 + ticks*t.stepMS, by: operator, kind: "publish", n: slices.Index(t.messages, m), evil: true})
		return nil
	case "own log":
		return m.device.log.append(t.heads.ingest, "", raw, now)
	case "cold pack":
		return t.route(m.device, must(repack(raw)), now)
	case "forged":
		return t.route(m.device, forged(m), now)
	case "twice":
		if err := t.route(m.device, raw, now); err != nil {
			return err
		}
	case "dated back":
		now -= 10 * t.stepMS
	case "dated ahead":
		now += 10 * t.stepMS
	}
	return t.route(m.device, raw, now)
}

// publish is a message that comes late.
func (t *trip) publish(a act) error {
	if a.n < 0 { // what a decoy has kept
		for _, d := range t.devices {
			for _, raw := range d.hidden {
				if err := t.route(d, raw, t.nowMS()); err != nil {
					return err
				}
			}
			d.hidden = nil
		}
		return nil
	}
	m := t.messages[a.n]
	return t.route(m.device, m.raw, t.nowMS())
}

// route chooses the log as ingest does: by the times of the message and of its readings, and the tracker's assignments.
func (t *trip) route(d *device, raw []byte, receivedMS int64) error {
	m, err := telemetry.Decode(raw)
	if err != nil {
		return err
	}
	l, shipment := d.log, ""
	times := []int64{m.TimeMS}
	for _, r := range m.Readings {
		times = append(times, r.TimeMS)
	}
	if t.record != nil && !t.log.sealed && slices.ContainsFunc(times, func(ms int64) bool { return t.record.AssignedAt(d.ID, ms) != nil }) {
		l, shipment = t.log, t.shipment()
	}
	return l.append(t.heads.ingest, shipment, raw, receivedMS)
}

// repack puts cold readings in the place of the signed ones.
func repack(raw []byte) ([]byte, error) {
	m, err := telemetry.Decode(raw)
	if err != nil {
		return nil, err
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	readings := slices.Clone(m.Readings)
	for i := range readings {
		readings[i] = evidencetest.Reading(readings[i].TimeMS, 4.5)
	}
	return telemetry.Encode(key, m.Claims, readings)
}

// forged is a message of the same place and cold readings, under a key that is not the tracker's.
func forged(m *message) []byte { return must(repack(m.raw)) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// anchor puts the state of the shipment's log on the ledger, and tells the devices.
func (t *trip) anchor(ctx context.Context, a act) error {
	if t.record == nil || t.log.sealed {
		return errPlay
	}
	return t.put(ctx, t.log.next(false), a)
}

func (t *trip) put(ctx context.Context, next anchor.HeadLeaf, a act) error {
	h, err := t.heads.anchor(ctx, next, a.aheadS*1000)
	if err != nil {
		return err
	}
	t.log.heads = append(t.log.heads, h)
	root, err := hex.DecodeString(h.HeadsRoot)
	if err != nil {
		return err
	}
	for _, d := range t.devices {
		d.Beacon = &telemetry.Beacon{Block: h.Block, Root: merkle.Hash(root)}
	}
	if t.anchored != nil {
		return t.anchored()
	}
	return nil
}

// seal ends the shipment's log. The honest one waits for the delivery.
func (t *trip) seal(ctx context.Context, a act) error {
	if t.record == nil || !a.evil && (t.log.sealed || t.record.DeliveredMS == 0) {
		return errPlay
	}
	t.log.sealed = true
	if err := t.put(ctx, t.log.next(true), a); err != nil {
		return err
	}
	h := t.log.heads[len(t.log.heads)-1]
	return t.heads.seal(ctx, t.shipment(), h)
}

// tamper writes the log anew: leaves that were anchored already, or the place of its next head.
func (t *trip) tamper(a act) error {
	l := t.log
	if len(l.messages) < 2 || len(l.heads) == 0 {
		return errPlay
	}
	i := len(l.messages) - 2 - a.n%(len(l.messages)-1)
	switch {
	case a.kind == "fork": // its next head leaves out the newest one, or all
		l.heads = l.heads[:a.n%len(l.heads)]
	case a.n == 0:
		l.messages[i], l.messages[i+1] = l.messages[i+1], l.messages[i]
	case a.n == 1:
		l.messages = slices.Delete(slices.Clone(l.messages), i, i+1)
	default:
		l.sealed = false
		l.messages[i].ReceivedMS += t.stepMS
		l.messages[i].Entry = telemetry.Leaf{Kind: telemetry.LeafSigned, Hash: must(telemetry.Decode(l.messages[i].Raw)).COSEHash, ReceivedMS: l.messages[i].ReceivedMS, Ingest: t.heads.ingest}.Encode()
	}
	return nil
}
