package device

import (
	"encoding/hex"
	"fmt"

	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// receive handles one message from ingest.
func (d *Device) receive(msg mqtt.DownMessage) error {
	switch {
	case msg.Type == "beacon":
		return d.heard(mqtt.DownBeacon{Block: msg.Block, Root: msg.Root, TimeMS: msg.TimeMS})
	case msg.Type != "ack":
		return nil // a newer ingest may say more
	case msg.Beacon != nil:
		if err := d.heard(*msg.Beacon); err != nil {
			return err
		}
	}
	return d.acknowledged(msg)
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
		done = d.out.ack(p)
	}
	if len(done) == 0 {
		return nil
	}
	return d.confirmed(done)
}
