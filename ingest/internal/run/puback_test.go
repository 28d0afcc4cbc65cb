package run

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/testkit"
)

// pusher is a client that knows MQTT only: a PUBACK ends a message for it, and it keeps nothing that has one.
type pusher struct {
	device *device
	url    string
	conn   *mqtt.Device
}

// push returns when the message has its PUBACK, over as many connections as it takes.
func (p *pusher) push(ctx context.Context, raw []byte) bool {
	for ctx.Err() == nil {
		if p.try(ctx, raw) == nil {
			return true
		}
		if p.conn != nil {
			p.conn.Close()
			p.conn = nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return false
}

func (p *pusher) try(ctx context.Context, raw []byte) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if p.conn == nil {
		conn, err := mqtt.Dial(ctx, mqtt.DeviceConfig{URL: p.url, Tracker: p.device.id, Silent: true, Password: func() string { return "x" }})
		if err != nil {
			return err
		}
		p.conn = conn
	}
	return p.conn.Publish(ctx, up(p.device.id), raw)
}

// Ensure that a PUBACK of the broker inside ingest is enough: clients that never hear of the application ack lose nothing and
// double nothing, however ingest is killed.
func TestKilledBehindItsOwnBroker(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts many processes")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 2))
	s := bareCrashStack(t)
	s.listen = testkit.FreeAddr(t)
	createShipment(t, s.ledger, "carrier.S-1")
	base := time.Now().Add(-24 * time.Hour).UnixMilli()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 4 {
		d := newDevice(fmt.Sprintf("carrier.T-%d", i), base)
		enrol(t, s.ledger, d)
		assign(t, s.ledger, "carrier.S-1", d.id, base)
		f := &flash{device: d}
		s.fleet = append(s.fleet, f)
		wg.Go(func() {
			p := &pusher{device: d, url: "tcp://" + s.listen}
			defer func() {
				if p.conn != nil {
					p.conn.Close()
				}
			}()
			for {
				select {
				case <-stop:
					return
				default:
				}
				if !p.push(ctx, d.message(t, 5)) {
					t.Errorf("%s: no PUBACK", d.id)
					return
				}
				f.total++ // read when this goroutine has ended
			}
		})
	}
	for _, point := range []string{"messages:before", "messages:after", "ack:before", "ack:after", "influx:after", "stored:before"} {
		late := make(chan struct{})
		timer := time.AfterFunc(60*time.Second, func() { close(late) })
		s.child(late, point, 3)
		if !timer.Stop() {
			t.Errorf("%s was not reached in 60 s", point)
		}
	}
	for range 6 {
		kill := make(chan struct{})
		time.AfterFunc(time.Duration(150+random.IntN(900))*time.Millisecond, func() { close(kill) })
		s.child(kill, "", 0)
	}
	close(stop)
	s.settled = wg.Wait
	s.finish()
}
