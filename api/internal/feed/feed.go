// Package feed is the live side of the API: chaincode events and new readings, handed to streams with bounded buffers.
package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
)

// Names of the events.
const (
	Reading   = "reading"
	Shipment  = "shipment"
	Anchor    = "anchor"
	Verdict   = "verdict"
	Excursion = "excursion"
	// Acknowledgement and Disposition are signatures under an excursion and under what becomes of the goods.
	Acknowledgement = "acknowledgement"
	Disposition     = "disposition"
	// Alarm begins or ends; it is told by this node and stands on no ledger.
	Alarm = "alarm"
	// Gap tells a stream that comes back that events between its last id and the next event are not known any more.
	Gap = "gap"
)

// Event is one thing that happened.
type Event struct {
	// ID is the position on the ledger, "block.n"; "" for a reading and an alarm, which cannot be replayed.
	ID     string
	Name   string
	ShipID string // "" for an anchor, and for an alarm of a tracker that is on no shipment
	// Data is the ledger's Shipment, Head, Verdict, Excursion, Acknowledgement or Disposition, a stored.Reading, or a shapes.Alarm; nil for a gap.
	Data any
}

// Ledger delivers chaincode events and answers reads.
type Ledger interface {
	Evaluate(ctx context.Context, fn string, arg any) ([]byte, error)
	Events(ctx context.Context, from uint64, handle func(ledger.Event) error, atHead func(height uint64)) error
	Network(ctx context.Context) ([]ledger.Node, error)
}

// Readings answers what is new in a log. See httpapi.Telemetry.
type Readings interface {
	Readings(ctx context.Context, q stored.ReadingsQuery, fn func(stored.Reading, time.Time) error) error
	Latest(ctx context.Context, log string) (r stored.Reading, ok bool, err error)
}

// Logs lists the logs of a shipment.
type Logs func(ctx context.Context, r ledger.Shipment) ([]string, error)

const (
	ring      = 1024 // ledger events kept for streams that come back
	buffer    = 256  // events that wait for one slow stream
	pollEvery = time.Second
	maxLogs   = 64 // watched for new readings at a time
	listEvery = 10 * time.Second
)

// Feed fans events out. Create it with New, run Run once.
type Feed struct {
	msp      string
	ledger   Ledger
	readings Readings
	log      *slog.Logger

	mu     sync.Mutex
	logs   Logs
	wrote  func(shipment string)
	record func(ledger.Shipment)
	subs   map[*Sub]bool
	past   []Event // newest last
	floor  place   // past holds every event after it
	block  uint64  // of the newest event, and how many events of that block were seen
	n      int
	seen   map[string]uint64 // transactions by block
	mine   map[string]bool   // shipments by whether this organisation is a party
	woken  chan struct{}
	follow map[string]*followed
}

// place is a position on the ledger.
type place struct {
	block uint64
	n     int
}

func (p place) before(q place) bool { return p.block < q.block || p.block == q.block && p.n < q.n }

// parsePlace reads an event's id; ok is false for any other text.
func parsePlace(id string) (p place, ok bool) {
	block, n, found := strings.Cut(id, ".")
	var err, nerr error
	p.block, err = strconv.ParseUint(block, 10, 64)
	p.n, nerr = strconv.Atoi(n)
	return p, found && err == nil && nerr == nil && p.n >= 0
}

// nowhere is the floor until it is known where the feed begins: no event can lie after it.
var nowhere = place{block: math.MaxUint64}

// New makes a feed for one organisation; it does no I/O.
func New(msp string, l Ledger, r Readings, log *slog.Logger) *Feed {
	return &Feed{msp: msp, ledger: l, readings: r, log: log, subs: map[*Sub]bool{}, mine: map[string]bool{}, floor: nowhere, seen: map[string]uint64{}, woken: make(chan struct{}, 1), follow: map[string]*followed{}}
}

// SetLogs says how the logs of a shipment are found. Call it before Run.
func (f *Feed) SetLogs(logs Logs) { f.logs = logs }

// SetWritten says who is told when a party writes about one of our shipments; told must not wait. Call it before Run.
func (f *Feed) SetWritten(told func(shipment string)) { f.wrote = told }

// SetRecord says who is told the record of one of our shipments when it has changed; told must not wait. Call it before Run.
func (f *Feed) SetRecord(told func(ledger.Shipment)) { f.record = told }

// Tell hands an event that no ledger has to the streams.
func (f *Feed) Tell(e Event) { f.publish(e) }

// Sub is one stream. C is closed when the stream was too slow or was cancelled: it may come back with its last id.
type Sub struct {
	C        chan Event
	shipment string
	f        *Feed
}

// Subscribe delivers the events of one shipment ("" for all), from after the ledger position lastID on as far as it is still
// known; when it is not, or that would be too many, the first event is a gap. Call Cancel in the end.
func (f *Feed) Subscribe(shipment, lastID string) *Sub {
	s := &Sub{C: make(chan Event, buffer), shipment: shipment, f: f}
	f.mu.Lock()
	defer f.mu.Unlock()
	if lastID != "" {
		last, ok := parsePlace(lastID)
		gap := !ok || last.before(f.floor)
		var missed []Event
		for _, e := range f.past {
			if at, _ := parsePlace(e.ID); ok && last.before(at) && s.wants(e) {
				missed = append(missed, e)
			}
		}
		// Half of the buffer is left for what happens while the stream catches up.
		if len(missed) > buffer/2 {
			missed, gap = missed[len(missed)-buffer/2:], true
		}
		if gap {
			s.C <- Event{Name: Gap}
		}
		for _, e := range missed {
			s.C <- e
		}
	}
	f.subs[s] = true
	select {
	case f.woken <- struct{}{}:
	default:
	}
	return s
}

// Cancel ends the stream; calling it again changes nothing.
func (s *Sub) Cancel() {
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	s.f.drop(s)
}

func (f *Feed) drop(s *Sub) {
	if f.subs[s] {
		delete(f.subs, s)
		close(s.C)
	}
}

func (s *Sub) wants(e Event) bool {
	return s.shipment == "" || s.shipment == e.ShipID || e.Name == Anchor
}

// publish never waits: a stream whose buffer is full is ended.
func (f *Feed) publish(e Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.ID != "" {
		if len(f.past) == ring {
			f.floor, _ = parsePlace(f.past[ring/4-1].ID)
			f.past = append(f.past[:0], f.past[ring/4:]...)
		}
		f.past = append(f.past, e)
	}
	for s := range f.subs {
		if !s.wants(e) {
			continue
		}
		select {
		case s.C <- e:
		default:
			f.drop(s)
		}
	}
}

// Run delivers chaincode events until ctx ends, from the ledger's height at the start on.
func (f *Feed) Run(ctx context.Context) error {
	from := uint64(0)
	for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
		if from == 0 {
			from = f.height(ctx)
			f.begin(from)
		}
		if from > 0 {
			err := f.ledger.Events(ctx, from, func(e ledger.Event) error {
				if e.Block >= from {
					from = e.Block
				}
				wait = time.Second
				f.take(ctx, e)
				return nil
			}, nil)
			if ctx.Err() == nil {
				f.log.WarnContext(ctx, "ledger events stopped; trying again", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			f.endAll()
			return nil
		case <-time.After(wait):
		}
	}
}

// begin says from which block on all events will come.
func (f *Feed) begin(from uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if from > 0 {
		f.floor = place{block: from}
	}
}

func (f *Feed) endAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.subs {
		f.drop(s)
	}
}

// height is the greatest of the peers that are up, 0 when none is.
func (f *Feed) height(ctx context.Context) uint64 {
	nodes, err := f.ledger.Network(ctx)
	if err != nil {
		return 0
	}
	var h uint64
	for _, n := range nodes {
		if n.Role == "peer" { // an orderer may hold a block whose events no peer has told yet
			h = max(h, n.Height)
		}
	}
	return h
}

// take turns a chaincode event into one of ours, if this organisation may see it.
func (f *Feed) take(ctx context.Context, e ledger.Event) {
	id, again := f.position(e)
	if again {
		return
	}
	out := Event{ID: id}
	var err error
	switch e.Name {
	case ledger.EventShipment:
		err = read(&out, Shipment, e.Payload, func(r ledger.Shipment) string {
			if r.HasDeclined(f.msp) {
				f.forget(r.ID)
			}
			f.remember(r.ID, r.IsParty(f.msp))
			return r.ID
		})
	case ledger.EventClosed:
		var c ledger.Close
		if err = json.Unmarshal(e.Payload, &c); err == nil {
			out.Name, out.ShipID = Shipment, c.Shipment
			out.Data, err = f.get(ctx, c.Shipment)
		}
	case ledger.EventAnchor:
		err = read(&out, Anchor, e.Payload, func(ledger.Head) string { return "" })
	case ledger.EventVerdict:
		err = read(&out, Verdict, e.Payload, func(r ledger.Verdict) string { return r.Shipment })
	case ledger.EventExcursion:
		err = read(&out, Excursion, e.Payload, func(r ledger.Excursion) string { return r.Shipment })
	case ledger.EventAcknowledged:
		err = read(&out, Acknowledgement, e.Payload, func(r ledger.Acknowledgement) string { return r.Shipment })
	case ledger.EventDisposition:
		err = read(&out, Disposition, e.Payload, func(r ledger.Disposition) string { return r.Shipment })
	default:
		return
	}
	if err == nil && out.ShipID == "" && out.Name != Anchor {
		err = errors.New("it names no shipment")
	}
	if err != nil {
		f.log.DebugContext(ctx, "event left out", "event", e.Name, "tx", e.TxID, "error", err)
		return
	}
	if out.ShipID != "" && !f.isMine(ctx, out.ShipID) {
		return
	}
	switch out.Name {
	case Shipment, Acknowledgement, Disposition:
		if f.wrote != nil {
			f.wrote(out.ShipID)
		}
	}
	if r, ok := out.Data.(ledger.Shipment); ok && f.record != nil {
		f.record(r)
	}
	f.publish(out)
}

// read fills an event from the record that the ledger tells; shipment is whose it is.
func read[T any](out *Event, name string, payload []byte, shipment func(T) string) error {
	var record T
	err := json.Unmarshal(payload, &record)
	out.Name, out.Data, out.ShipID = name, record, shipment(record)
	return err
}

// position numbers the events within their block; again is true for one that a reconnect delivers a second time.
func (f *Feed) position(e ledger.Event) (id string, again bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, again = f.seen[e.TxID]; again {
		return "", true
	}
	if len(f.seen) > 4*ring {
		for tx, block := range f.seen {
			if block+16 < e.Block {
				delete(f.seen, tx)
			}
		}
	}
	f.seen[e.TxID] = e.Block
	if e.Block != f.block {
		f.block, f.n = e.Block, 0
	}
	f.n++
	return fmt.Sprintf("%d.%d", e.Block, f.n), false
}

// isMine asks the ledger once per shipment; parties never change but by declining.
func (f *Feed) isMine(ctx context.Context, shipment string) bool {
	f.mu.Lock()
	mine, known := f.mine[shipment]
	f.mu.Unlock()
	if known {
		return mine
	}
	r, err := f.get(ctx, shipment)
	switch ledger.CodeOf(err) {
	case ledger.NotFound, ledger.Forbidden:
		mine = false
	default:
		if err != nil {
			return false // not known now: ask again next time
		}
		mine = r.IsParty(f.msp)
	}
	f.remember(shipment, mine)
	return mine
}

func (f *Feed) forget(shipment string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.mine, shipment)
}

func (f *Feed) remember(shipment string, mine bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.mine) >= 100_000 {
		clear(f.mine)
	}
	if _, known := f.mine[shipment]; !known { // parties never change, whatever an event says later
		f.mine[shipment] = mine
	}
}

func (f *Feed) get(ctx context.Context, shipment string) (ledger.Shipment, error) {
	return ledger.ShipmentGet.Ask(ctx, f.ledger, ledger.IDArgs{ID: shipment})
}
