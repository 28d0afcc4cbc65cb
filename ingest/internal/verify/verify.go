// Package verify turns what arrived over MQTT into items that are known to be authentic, or into refusals with a reason. It
// checks topic, size, encoding, key and signature, and looks up where the message belongs.
package verify

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/message"
	"github.com/trackseal/trackseal/ingest/internal/registry"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Registry is where trackers are looked up.
type Registry interface {
	// Tracker returns a tracker, asking the ledger when it is not known.
	Tracker(ctx context.Context, id string) (*registry.Tracker, bool)
	// Refresh asks the ledger again, within bounds, and returns what is known then.
	Refresh(ctx context.Context, id string) (*registry.Tracker, bool)
	// Operator names an operator by its MSP id, with the address at which its trackers publish when that is known.
	Operator(msp string) string
}

// Verifier is safe for concurrent use.
type Verifier struct {
	Registry Registry
	// Random makes the factors of the signature batches; nil = crypto/rand.
	Random io.Reader
	keys   keys
}

// shareAtLeast is how many messages are worth another goroutine: their signatures are checked together, and the more there
// are, the less one costs: 128 at once 9 µs each, 512 at once 7 µs.
const shareAtLeast = 448

// Run moves groups of items from in to out until in is closed or ctx ends, each verified and in its order. It closes out.
func (v *Verifier) Run(ctx context.Context, in <-chan []*message.Item, out chan<- []*message.Item) error {
	defer close(out)
	batches := make([]batch, runtime.GOMAXPROCS(0))
	for {
		select {
		case items, ok := <-in:
			if !ok {
				return nil
			}
			v.group(ctx, items, batches)
			if ctx.Err() != nil {
				return nil // a tracker may be unknown only because nobody could be asked any more
			}
			select {
			case out <- items:
			case <-ctx.Done():
				return nil
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// group verifies items on as many goroutines as there are batches.
func (v *Verifier) group(ctx context.Context, items []*message.Item, batches []batch) {
	shares := max(1, min(len(batches), len(items)/shareAtLeast))
	var wg sync.WaitGroup
	for i := range shares {
		share := items[len(items)*i/shares : len(items)*(i+1)/shares]
		wg.Go(func() { v.verify(ctx, share, &batches[i]) })
	}
	wg.Wait()
}

// verify fills the items. What is wrong with a message is in its Reject; there is no other failure. The items' signatures are
// checked together.
func (v *Verifier) verify(ctx context.Context, items []*message.Item, b *batch) {
	b.reset()
	waiting := make([]signed, 0, len(items)) // parallel to the batch's terms
	for _, it := range items {
		if it.Reject != nil { // before it came here
			continue
		}
		s, err := v.open(ctx, it)
		if err != nil {
			turnDown(it, err)
			continue
		}
		if s.message == nil { // a plain message: done
			continue
		}
		switch covered, signature := s.message.Signed(); {
		case s.key == nil:
			if err := s.message.Verify(s.public); err != nil {
				turnDown(it, err)
				continue
			}
			v.accept(ctx, &s)
		case b.add(s.key, covered, signature):
			waiting = append(waiting, s)
		default:
			turnDown(it, errBadSignature)
		}
	}
	v.settle(ctx, waiting, b)
}

// settle judges what waits for the batch.
func (v *Verifier) settle(ctx context.Context, waiting []signed, b *batch) {
	if len(waiting) == 0 {
		return
	}
	wrong, err := b.wrong(cmp.Or(v.Random, rand.Reader))
	for i := range waiting {
		s := &waiting[i]
		switch {
		case err != nil: // no random numbers: one by one
			if err := s.message.Verify(s.public); err != nil {
				turnDown(s.item, err)
				continue
			}
		case len(wrong) > 0 && wrong[0] == i:
			wrong = wrong[1:]
			turnDown(s.item, errBadSignature)
			continue
		}
		v.accept(ctx, s)
	}
}

var errBadSignature = refuse(telemetry.BadSignature, "signature does not verify")

// turnDown makes the item a refusal.
func turnDown(it *message.Item, err error) {
	r, known := errors.AsType[*telemetry.Reject](err)
	if !known {
		r = &telemetry.Reject{Reason: telemetry.Malformed, Detail: err.Error()}
	}
	*it = message.Item{Topic: it.Topic, Raw: it.Raw, ReceivedMS: it.ReceivedMS, Ack: it.Ack, Via: it.Via, Device: it.Device, Reject: r}
}

// signed is a message whose signature is still to be checked.
type signed struct {
	item    *message.Item
	message *telemetry.Message
	tracker *registry.Tracker
	public  telemetry.PublicKey
	key     *expandedKey // nil when the signature has to be checked on its own
}

// open does everything with a message but its signature. A plain message has none: signed is empty.
func (v *Verifier) open(ctx context.Context, it *message.Item) (signed, error) {
	tracker, channel, err := telemetry.ParseTopic(it.Topic)
	if err != nil {
		return signed{}, refuse(telemetry.TopicMismatch, "topic is not a tracker's")
	}
	if len(it.Raw) > telemetry.MaxMessage {
		return signed{}, refuse(telemetry.Oversized, "%d bytes, at most %d", len(it.Raw), telemetry.MaxMessage)
	}
	it.Tracker = tracker
	kind, ok := leafKinds[channel]
	if !ok {
		return signed{}, refuse(telemetry.TopicMismatch, "nothing is accepted on %s", channel)
	}
	if kind == telemetry.LeafUnsigned {
		return signed{}, v.plain(ctx, it, channel)
	}
	o, err := telemetry.Open(kind, it.Raw, it.ReceivedMS)
	if err != nil {
		return signed{}, err
	}
	if o.Signed.Tracker != it.Tracker {
		return signed{}, refuse(telemetry.TopicMismatch, "signed as %s, published as %s", o.Signed.Tracker, it.Tracker)
	}
	t, err := Admit(ctx, v.Registry, it.Tracker)
	if err != nil {
		return signed{}, err
	}
	s := signed{item: it, message: o.Signed, tracker: t}
	return s, v.findKey(&s)
}

// leafKinds says how a message is read by where it was published.
var leafKinds = map[string]uint8{telemetry.Up: telemetry.LeafSigned, telemetry.JSON: telemetry.LeafUnsigned, telemetry.In: telemetry.LeafUnsigned}

// accept fills the item of an authentic message.
func (v *Verifier) accept(ctx context.Context, s *signed) {
	it, m := s.item, s.message
	it.Signed, it.Hash, it.TimeMS = true, m.COSEHash, m.TimeMS
	it.Boot, it.Seq, it.Prev, it.Kind, it.Gap = m.Boot, m.Seq, m.Prev, m.Kind, m.Gap
	v.finish(ctx, it, s.tracker, &telemetry.Opened{TimeMS: m.TimeMS, Readings: m.Readings})
}

func (v *Verifier) plain(ctx context.Context, it *message.Item, channel string) error {
	t, err := Admit(ctx, v.Registry, it.Tracker)
	if err != nil {
		return err
	}
	// A tracker with a key signs. Otherwise whoever can connect in its name could speak for it without the key.
	if _, signs := t.Current(); signs {
		return refuse(telemetry.BadSignature, "this tracker signs its messages")
	}
	raw := it.Envelope
	if raw == nil {
		raw = telemetry.PlainEnvelope(it.Tracker, it.Raw)
	}
	o, err := telemetry.Open(telemetry.LeafUnsigned, raw, it.ReceivedMS)
	if err != nil {
		return err
	}
	it.Raw, it.Hash, it.TimeMS, it.Timed = raw, o.Hash, o.TimeMS, o.Timed || o.Seq != nil
	if channel == telemetry.JSON && it.Envelope == nil { // who speaks our format listens for it
		it.JSONSeq = o.Seq
	}
	v.finish(ctx, it, t, &o)
	return nil
}

// Admit finds a tracker whose messages are taken here. The error is a *telemetry.Reject.
func Admit(ctx context.Context, trackers Registry, id string) (*registry.Tracker, error) {
	t, ok := trackers.Tracker(ctx, id)
	if ok && t.Elsewhere != "" { // it may have been moved here a moment ago
		t, ok = trackers.Refresh(ctx, id)
	}
	switch {
	case !ok:
		return nil, refuse(telemetry.UnknownTracker, "%s is not enrolled", id)
	case t.Revoked:
		return nil, refuse(telemetry.Revoked, "%s has been revoked", id)
	case t.Elsewhere != "":
		return nil, refuse(telemetry.OtherOperator, "%s is served by %s", id, trackers.Operator(t.Elsewhere))
	}
	return t, nil
}

// findKey finds the key that the message names, if it was in force when the message says it was signed.
func (v *Verifier) findKey(s *signed) error {
	m, t := s.message, s.tracker
	if len(t.Keys) == 0 {
		return refuse(telemetry.WrongKey, "this tracker has no key")
	}
	for i := range t.Keys {
		k := &t.Keys[i]
		if k.KID != m.KID {
			continue
		}
		if !k.Term.Covers(m.TimeMS, s.item.ReceivedMS) {
			return refuse(telemetry.WrongKey, "key %x was not in force when the message was signed", m.KID[:8])
		}
		s.public = k.Public
		if m.Alg == k.Public.Alg {
			s.key = v.keys.get(k.KID, k.Public)
		}
		return nil
	}
	// Let the newest key say what is wrong: algorithm or key.
	if err := m.Verify(t.Keys[len(t.Keys)-1].Public); err != nil {
		return err
	}
	return refuse(telemetry.WrongKey, "key %x is not enrolled", m.KID[:8])
}

// finish judges the clock, packs the readings and finds the assignment.
func (v *Verifier) finish(ctx context.Context, it *message.Item, t *registry.Tracker, o *telemetry.Opened) {
	at := it.TimeMS
	if telemetry.Undated(at, it.ReceivedMS) != "" {
		at = it.ReceivedMS
	}
	for _, reason := range o.Flags(it.ReceivedMS) {
		it.Flags |= journal.Flag(reason)
	}
	it.Readings = journal.EncodeReadings(o.Readings, it.ReceivedMS)
	v.route(ctx, it, t, at, o.Readings)
}

// route finds the shipments that a message belongs to: those in whose windows one of its readings was measured, and the one that the tracker
// was on when it sent it. at is the message's time, or that of its receipt where the message's says nothing.
func (v *Verifier) route(ctx context.Context, it *message.Item, t *registry.Tracker, at int64, readings []telemetry.Reading) {
	newest := at
	for i := range readings {
		if ms := readings[i].TimeMS; telemetry.Undated(ms, it.ReceivedMS) == "" {
			newest = max(newest, ms)
		}
	}
	if t.At(at) == nil || t.At(newest) == nil {
		if again, ok := v.Registry.Refresh(ctx, it.Tracker); ok {
			t = again
		}
	}
	it.TrackerTx, it.Routes = t.EnrolTx, it.Routes[:0]
	add := func(ms int64) {
		if w := t.At(ms); w != nil && !slices.ContainsFunc(it.Routes, func(r message.Route) bool { return r.Shipment == w.Shipment }) {
			it.Routes = append(it.Routes, message.Route{Shipment: w.Shipment, ShipmentTx: w.CreateTx})
		}
	}
	for i := range readings {
		if ms := readings[i].TimeMS; telemetry.Undated(ms, it.ReceivedMS) == "" {
			add(ms)
		}
	}
	add(at)
}

func refuse(r telemetry.Reason, format string, args ...any) *telemetry.Reject {
	return &telemetry.Reject{Reason: r, Detail: fmt.Sprintf(format, args...)}
}
