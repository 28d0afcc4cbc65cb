package device

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// sign makes and queues the next message of the chain.
func (d *Device) sign(c telemetry.Claims, readings []telemetry.Reading) error {
	now := d.cfg.Now
	if d.cfg.SignedAt != nil {
		now = d.cfg.SignedAt
	}
	c.TimeMS = now().UnixMilli()
	return d.step(func() error {
		m, err := d.chain.Sign(c, readings)
		if err != nil {
			return fmt.Errorf("tracker %s: %w", d.cfg.ID, err)
		}
		return d.push(m)
	})
}

// errNotStored: the message is neither in the store nor queued.
var errNotStored = errors.New("not stored")

// step takes the chain back when its next message could not be stored: nobody has it, so its place is free, and ingest would
// wait for it for ever.
func (d *Device) step(next func() error) error {
	before := d.chain
	err := next()
	if errors.Is(err, errNotStored) {
		d.chain = before
	}
	return err
}

// push stores first, then queues: see Store.Append.
func (d *Device) push(m Message) error {
	if err := d.cfg.Store.Append(m); err != nil {
		return fmt.Errorf("tracker %s: message %w: %w", d.cfg.ID, errNotStored, err)
	}
	d.stats.Signed++
	dropped := d.out.add(m)
	d.poke()
	if len(dropped) == 0 {
		return nil
	}
	return d.gaveUp(dropped)
}

func (d *Device) gaveUp(dropped []Message) error {
	d.stats.GivenUp += uint64(len(dropped))
	if d.cfg.OnGiveUp != nil {
		d.cfg.OnGiveUp(dropped)
	}
	return d.cfg.Store.Trim(dropped, d.out.lost)
}

// declare signs a gap message for every lost range. Room is made first: a declaration that pushes out the next message
// would leave a loss to declare for ever.
func (d *Device) declare() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cfg.Signer == nil || len(d.out.lost) == 0 {
		return nil
	}
	var dropped []Message
	for len(d.out.queue)+len(d.out.lost) > max(d.out.limit*7/8, 1) && len(d.out.queue) > 0 {
		dropped = append(dropped, d.out.giveUp())
	}
	if len(dropped) > 0 {
		if err := d.gaveUp(dropped); err != nil {
			return err
		}
	}
	lost := append([]Range(nil), d.out.lost...)
	d.out.lost = d.out.lost[:0]
	for _, r := range lost {
		err := d.sign(telemetry.Claims{Kind: telemetry.Gap, Gap: &telemetry.GapDetail{Boot: r.Boot, FromSeq: r.From, ToSeq: r.To}}, nil)
		if err != nil {
			return err
		}
	}
	return d.cfg.Store.Trim(nil, d.out.lost)
}

// receive handles one message from ingest.
func (d *Device) receive(msg mqtt.DownMessage) error {
	switch msg.Type {
	case "ack":
	case "nack", "slow":
		return d.refused(msg)
	default:
		return nil // a newer ingest may say more
	}
	if msg.Beacon != nil && d.cfg.SignedAt == nil {
		if err := d.heard(*msg.Beacon); err != nil {
			return err
		}
	}
	return d.acknowledged(msg)
}

// lowerAcks in a row, with none between that is not lower, are no late ones.
const lowerAcks = 3

// forgotten reports whether ingest has lost what it had acknowledged before: it acknowledges less than it did, again and again. What lies
// between is not here any more. It is declared lost, so that the chain says so, and the acknowledgements go on behind it.
func (d *Device) forgotten(p telemetry.Position) bool {
	if !p.Less(d.acked) {
		d.acked, d.lower = p, 0
		return false
	}
	if d.lower++; d.lower < lowerAcks || d.taken {
		return false
	}
	from := uint64(0) // a lost beginning of a boot says that all before it is lost too
	if p.Boot == d.acked.Boot {
		from = p.Seq + 1
	}
	d.cfg.Log.Warn("ingest has lost what it had acknowledged", "boot", d.acked.Boot, "from", from, "to", d.acked.Seq)
	d.out.lose(Range{d.acked.Boot, from, d.acked.Seq})
	d.acked, d.lower = p, 0
	return true
}

// forGood are the refusals that are about the message itself. Of the others the tracker's record is the cause: it may change, and then
// the same bytes are taken.
var forGood = []telemetry.Reason{telemetry.Malformed, telemetry.NotCanonical, telemetry.Oversized, telemetry.TopicMismatch, telemetry.BadSignature,
	telemetry.WrongAlg, telemetry.PackMismatch, telemetry.OutOfRange}

// refused counts what ingest did not take, and says so once for each reason. What it refused for good leaves the buffer and is declared
// lost: nothing that was signed may be missing without a word, and nothing behind it waits for ever.
func (d *Device) refused(msg mqtt.DownMessage) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if msg.Type == "slow" {
		d.stats.Slowed += msg.Count
	} else {
		d.stats.Refused += msg.Count
	}
	if d.told == nil {
		d.told = map[telemetry.Reason]bool{}
	}
	if !d.told[msg.Reason] && len(d.told) < 32 {
		d.told[msg.Reason] = true
		d.cfg.Log.Warn("ingest does not take messages as they come", "type", msg.Type, "reason", msg.Reason, "detail", msg.Detail)
	}
	hash, err := hex.DecodeString(msg.Hash)
	if msg.Type != "nack" || !slices.Contains(forGood, msg.Reason) || err != nil || len(hash) != len(telemetry.Hash{}) {
		return nil
	}
	m, ok := d.out.refused([32]byte(hash))
	if !ok {
		return nil
	}
	d.poke()
	d.changed.Broadcast()
	if err := d.gaveUp([]Message{m}); err != nil {
		return storeError{fmt.Errorf("tracker %s: %w", d.cfg.ID, err)}
	}
	return nil
}

// heard keeps the newest anchor; the next messages name it.
func (d *Device) heard(b mqtt.DownBeacon) error {
	root, err := hex.DecodeString(b.Root)
	if err != nil || len(root) != len(telemetry.Hash{}) {
		return fmt.Errorf("beacon root %q is not a SHA-256 hash", b.Root)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.chain.Beacon = &telemetry.Beacon{Block: b.Block, Root: telemetry.Hash(root)}
	return nil
}

func (d *Device) acknowledged(msg mqtt.DownMessage) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var done []Message
	if d.cfg.Signer == nil {
		if msg.JSONSeq == nil {
			return nil
		}
		done = d.out.ackOne(telemetry.Position{Seq: *msg.JSONSeq})
	} else {
		p := telemetry.Position{Boot: msg.Boot, Seq: msg.Seq}
		if n := len(d.out.queue); n > 0 && d.out.queue[n-1].Pos.Less(p) {
			// Acknowledging what was never signed: another device has this identity, or ingest is wrong. Trimming on it
			// would lose messages.
			newest := d.out.queue[n-1].Pos
			return fmt.Errorf("acknowledged %d/%d, but the newest message is %d/%d", p.Boot, p.Seq, newest.Boot, newest.Seq)
		}
		if d.forgotten(p) {
			d.poke()
			return d.cfg.Store.Trim(nil, d.out.lost)
		}
		done = d.out.ack(p)
	}
	if len(done) == 0 {
		return nil
	}
	d.progress, d.ackWait = time.Now(), d.cfg.AckTimeout
	d.stats.Acked += uint64(len(done))
	if d.cfg.OnAck != nil {
		d.cfg.OnAck(done)
	}
	d.poke()
	d.changed.Broadcast()
	if err := d.cfg.Store.Trim(done, d.out.lost); err != nil {
		return storeError{fmt.Errorf("tracker %s: %w", d.cfg.ID, err)}
	}
	return nil
}
