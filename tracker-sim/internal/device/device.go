// Package device is a tracker: it signs what it measures into a chain, keeps every message until ingest has acknowledged
// it, and sends again after a lost connection or a missing acknowledgement.
package device

import (
	"cmp"
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// Config of a tracker.
type Config struct {
	ID         string
	Signer     crypto.Signer // nil: the tracker cannot sign and publishes plain JSON
	Secret     string        // MQTT password of a tracker that cannot sign
	Deployment string        // audience of the MQTT password of one that can
	Dial       Dialer
	Store      Store         // nil = Memory
	Limit      int           // messages kept, at least 16; 0 = 4096
	Window     int           // messages published ahead of their acknowledgement; 0 = 64
	AckTimeout time.Duration // first wait for an acknowledgement before sending again; 0 = 10 s
	Redial     time.Duration // first wait between two connection attempts; 0 = 500 ms
	NextDue    time.Duration // promise of the next message; 0 = none
	Patience   time.Duration // without a link for so long a warning is logged, once an outage; 0 = never
	Now        func() time.Time
	// SignedAt is the clock of a logger that is read out later: its messages were signed then, and name no anchor. nil: signed now.
	SignedAt func() time.Time
	Log      *slog.Logger
	// OnAck sees every message once, when ingest has acknowledged it. It must not call the device.
	OnAck func([]Message)
	// OnGiveUp sees messages that the full buffer dropped, or that ingest refused for good, under the same terms.
	OnGiveUp func([]Message)
}

// Device is one tracker. All methods are safe for concurrent use.
type Device struct {
	cfg Config

	mu       sync.Mutex // guards all below; held over Store calls, so that memory and disk agree
	chain    Chain
	out      outbox
	progress time.Time     // when the last acknowledgement came, or the first message was published after it
	ackWait  time.Duration // after which everything is published again; doubles without progress
	radio    bool
	hangUp   context.CancelFunc // ends the session in progress, nil without one
	stats    Stats
	told     map[telemetry.Reason]bool // reasons of refusals that have been logged
	dialErr  error                     // of the newest attempt to connect

	changed  *sync.Cond         // on mu: what await looks at
	acked    telemetry.Position // the highest that ingest has acknowledged
	lower    int                // acknowledgements in a row that were lower
	furthest telemetry.Position // of what the broker has taken
	taken    bool               // the chain goes on elsewhere: nothing can be signed here
	kick     chan struct{}      // there may be something to send
}

// Stats counts what a tracker did.
type Stats struct {
	Signed, Published, Resent, Acked, GivenUp, Sessions uint64
	Refused, Slowed                                     uint64 // messages that ingest did not keep, or let wait, by its own word
}

// minLimit leaves room for gap messages beside the messages that start a boot.
const minLimit = 16

// Open restores a tracker from its store. A tracker that can sign is not ready before Boot.
func Open(cfg Config) (*Device, error) {
	if !telemetry.ValidID(cfg.ID) {
		return nil, fmt.Errorf("tracker id %q: must match [A-Za-z0-9][A-Za-z0-9._-]{0,63}", cfg.ID)
	}
	if cfg.Limit != 0 && cfg.Limit < minLimit {
		return nil, fmt.Errorf("tracker %s: limit %d: must be at least %d", cfg.ID, cfg.Limit, minLimit)
	}
	if cfg.Store == nil {
		cfg.Store = Memory{}
	}
	cfg.Limit, cfg.Window = cmp.Or(cfg.Limit, 4096), cmp.Or(cfg.Window, 64)
	cfg.AckTimeout, cfg.Redial = cmp.Or(cfg.AckTimeout, 10*time.Second), cmp.Or(cfg.Redial, 500*time.Millisecond)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler)).With("tracker", cfg.ID)
	state, err := cfg.Store.Load()
	if err != nil {
		return nil, fmt.Errorf("tracker %s: %w", cfg.ID, err)
	}
	d := &Device{
		cfg:   cfg,
		radio: true,
		kick:  make(chan struct{}, 1),
		chain: Chain{Tracker: cfg.ID, Signer: cfg.Signer, Next: state.Next, Prev: state.Prev},
		out:   newOutbox(cfg.Limit, state.Queued, state.Lost),
	}
	d.changed = sync.NewCond(&d.mu)
	return d, nil
}

// ID names the tracker.
func (d *Device) ID() string { return d.cfg.ID }

// Boot starts the next boot with a boot message. Its number is at least the given one, for a tracker without a store whose earlier
// boots are only known to be smaller. Not for trackers that cannot sign.
func (d *Device) Boot(least uint64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.step(func() error {
		d.chain.Next = telemetry.Position{Boot: max(d.chain.Next.Boot+1, least)}
		return d.sign(telemetry.Claims{Kind: telemetry.Boot}, nil)
	})
}

// Record signs readings into one message, or writes them as plain JSON, and queues it. On return it is in the store.
func (d *Device) Record(readings []telemetry.Reading) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cfg.Signer == nil {
		pos := telemetry.Position{Seq: d.chain.Next.Seq}
		raw, err := telemetry.EncodePlain(pos.Seq, readings)
		if err != nil {
			return fmt.Errorf("tracker %s: %w", d.cfg.ID, err)
		}
		return d.step(func() error {
			d.chain.Next.Seq++
			return d.push(Message{Pos: pos, Raw: raw, Hash: sha256.Sum256(raw)})
		})
	}
	return d.sign(telemetry.Claims{Kind: telemetry.Data, NextDueS: uint64(d.cfg.NextDue / time.Second)}, readings)
}

// End declares that no more messages follow.
func (d *Device) End() error {
	if d.cfg.Signer == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sign(telemetry.Claims{Kind: telemetry.End}, nil)
}

// TakeChain hands the signing of further messages to the caller, who queues them with Add.
func (d *Device) TakeChain() Chain {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.taken = true
	return d.chain
}

// Add queues a message that was signed elsewhere with the tracker's chain.
func (d *Device) Add(m Message) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.push(m)
}

// Radio switches the link off and on. Messages are kept meanwhile.
func (d *Device) Radio(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.radio = on
	if !on && d.hangUp != nil {
		d.hangUp()
	}
	d.changed.Broadcast()
}

// Pending is how many messages are not acknowledged.
func (d *Device) Pending() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.out.queue)
}

// Stats of the tracker so far.
func (d *Device) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stats
}

// Drained waits until every message is acknowledged and every loss declared.
func (d *Device) Drained(ctx context.Context) error {
	return d.await(ctx, func() bool { return len(d.out.queue) == 0 && (len(d.out.lost) == 0 || d.cfg.Signer == nil) })
}

// await waits for a condition that holds under the lock.
func (d *Device) await(ctx context.Context, ok func() bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	stop := context.AfterFunc(ctx, d.wake)
	defer stop()
	for !ok() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		d.changed.Wait()
	}
	return nil
}

// wake takes the lock, so that nobody misses it between looking and waiting.
func (d *Device) wake() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changed.Broadcast()
}

// Online waits until a session is open. The error tells why there is none.
func (d *Device) Online(ctx context.Context) error {
	if err := d.await(ctx, func() bool { return d.hangUp != nil }); err != nil {
		return errors.Join(err, d.NoLink())
	}
	return nil
}

// NoLink tells why there is no session; nil when there is one, or none was tried.
func (d *Device) NoLink() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.hangUp != nil {
		return nil
	}
	return d.dialErr
}

// Published waits until the broker has been handed every message at least once, for brokers behind which nobody
// acknowledges.
func (d *Device) Published(ctx context.Context) error {
	return d.await(ctx, func() bool { return d.out.cursor == len(d.out.queue) })
}

// Room waits until another message can be queued without giving up the oldest.
func (d *Device) Room(ctx context.Context) error {
	return d.await(ctx, func() bool { return len(d.out.queue) < d.out.limit })
}

// Close releases the store. Run must have ended.
func (d *Device) Close() error { return d.cfg.Store.Close() }

func (d *Device) poke() {
	select {
	case d.kick <- struct{}{}:
	default:
	}
}

func (d *Device) password() string {
	if d.cfg.Signer == nil {
		return d.cfg.Secret
	}
	p, err := Password(d.cfg.Signer, d.cfg.ID, d.cfg.Deployment, d.cfg.Now())
	if err != nil {
		d.cfg.Log.Error("no MQTT password", "error", err)
	}
	return p
}

// jitter spreads d over 50 … 100 %, so that trackers cut off together do not come back together.
func jitter(d time.Duration) time.Duration {
	return d/2 + time.Duration(rand.Int64N(int64(d/2)+1))
}
