package mqtt

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// ErrOffline: the device has no connection right now; it reconnects by itself.
var ErrOffline = errors.New("mqtt connection is down")

// DeviceConfig is a tracker's connection.
type DeviceConfig struct {
	URL     string // tcp://host:port or ssl://host:port
	Tracker string // client id and user name
	// Password is asked for before every connection attempt: a fresh JWT, or the secret.
	Password func() string
	TLS      func() *tls.Config // asked before each connection; nil = the system's authorities
	// Silent leaves out the retained status and its last will (a load tool's devices).
	Silent bool
	Log    *slog.Logger // nil = silent
}

// DownMessage is what ingest tells a tracker (docs/formats.md, MQTT topics).
type DownMessage struct {
	Type string `json:"type"` // ack, nack or slow
	Boot uint64 `json:"boot"`
	Seq  uint64 `json:"seq"`
	// JSONSeq is set in the acknowledgement of a plain message; Boot and Seq are not.
	JSONSeq *uint64     `json:"json_seq"`
	Beacon  *DownBeacon `json:"beacon"` // beside an ack when a newer anchor is known
	// Reason, Count and Detail are set in a nack (so many messages were not kept) and in slow (so many had to wait).
	Reason telemetry.Reason `json:"reason"`
	Count  uint64           `json:"count"`
	Detail string           `json:"detail"`
	// Bytes and Hash (SHA-256, hex) name the newest message that a nack is about.
	Bytes int    `json:"bytes"`
	Hash  string `json:"hash"`
}

// DownBeacon is the newest anchor.
type DownBeacon struct {
	Block  uint64 `json:"block"`
	Root   string `json:"root"`
	TimeMS int64  `json:"time_ms"`
}

// Device is a tracker's connection. Safe for concurrent use; messages of concurrent callers have no order.
type Device struct {
	cfg    DeviceConfig
	client paho.Client
	down   chan DownMessage
	window chan sent
	// attempt counts connection attempts. paho completes the tokens of a lost connection without an error when it sends
	// their messages again, so a token counts as a PUBACK only if no new attempt began since.
	attempt atomic.Uint64
	closed  chan struct{}
	once    sync.Once
}

// sendWindow is how many messages Send may leave unacknowledged.
const sendWindow = 256

type sent struct {
	token   paho.Token
	attempt uint64
}

// Dial connects, subscribes to the tracker's own `down` topic and publishes `online`. It returns after the first
// connection or when ctx ends; later losses are repaired in the background.
func Dial(ctx context.Context, cfg DeviceConfig) (*Device, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	d := &Device{cfg: cfg, down: make(chan DownMessage, 256), window: make(chan sent, sendWindow), closed: make(chan struct{})}
	own := account{cfg.URL, cfg.Tracker, cfg.Tracker, cfg.Password, cfg.TLS}
	opts, err := own.options()
	if err != nil {
		return nil, err
	}
	ready := make(chan error, 1)
	opts.SetCleanSession(false).
		// The handler never blocks, so order can be kept without the deadlocks that it is known for.
		SetOrderMatters(true).
		SetDefaultPublishHandler(d.receive).
		SetConnectionAttemptHandler(func(_ *url.URL, c *tls.Config) *tls.Config { d.attempt.Add(1); return own.tls(c) }).
		SetConnectionLostHandler(func(_ paho.Client, err error) {
			cfg.Log.Debug("tracker connection lost", "tracker", cfg.Tracker, "err", err)
		}).
		SetOnConnectHandler(func(c paho.Client) {
			err := d.begin(c)
			select {
			case ready <- err:
			default:
			}
		})
	if !cfg.Silent {
		opts.SetWill(telemetry.Topic(cfg.Tracker, telemetry.Status), "offline", qos, true)
	}
	// Refused credentials must reach the caller of Dial instead of being retried for ever.
	opts.SetConnectRetry(false)
	d.client = paho.NewClient(opts)
	token := d.client.Connect()
	select {
	case <-token.Done():
		if err := token.Error(); err != nil {
			return nil, fmt.Errorf("mqtt connect as %s: %w", cfg.Tracker, err)
		}
	case <-ctx.Done():
		d.client.Disconnect(0)
		return nil, ctx.Err()
	}
	select {
	case err := <-ready:
		if err != nil {
			d.Close()
			return nil, err
		}
	case <-ctx.Done():
		d.Close()
		return nil, ctx.Err()
	}
	return d, nil
}

func (d *Device) begin(c paho.Client) error {
	if err := subscribe(c, map[string]byte{telemetry.Topic(d.cfg.Tracker, telemetry.Down): qos}); err != nil {
		return fmt.Errorf("mqtt subscribe as %s: %w", d.cfg.Tracker, err)
	}
	if !d.cfg.Silent {
		c.Publish(telemetry.Topic(d.cfg.Tracker, telemetry.Status), qos, true, "online")
	}
	return nil
}

func (d *Device) receive(_ paho.Client, m paho.Message) {
	var down DownMessage
	if err := json.Unmarshal(m.Payload(), &down); err != nil {
		d.cfg.Log.Warn("down message is not understood", "tracker", d.cfg.Tracker, "err", err)
		return
	}
	for {
		select {
		case d.down <- down:
			return
		case <-d.closed:
			return
		default:
		}
		// Nobody listens: the oldest goes. Acknowledgements are cumulative, so the newest says it all.
		select {
		case <-d.down:
		default:
		}
	}
}

// Publish hands a message to the broker with QoS 1 and waits for its PUBACK, ctx or the loss of the connection. nil does not
// mean durable: keep the message until ingest's ack names it.
func (d *Device) Publish(ctx context.Context, topic string, payload []byte) error {
	if !d.client.IsConnectionOpen() {
		return ErrOffline
	}
	return d.await(ctx, d.send(topic, payload))
}

func (d *Device) send(topic string, payload []byte) sent {
	attempt := d.attempt.Load()
	return sent{d.client.Publish(topic, qos, false, payload), attempt}
}

func (d *Device) await(ctx context.Context, s sent) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-s.token.Done():
			if err := s.token.Error(); err != nil {
				return err
			}
			if d.attempt.Load() != s.attempt {
				return ErrOffline
			}
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-d.closed:
			return ErrOffline
		case <-tick.C:
			if d.attempt.Load() != s.attempt || !d.client.IsConnectionOpen() {
				return ErrOffline
			}
		}
	}
}

// Send is Publish without the wait: up to 256 messages are under way, then it waits for the oldest one's PUBACK. An
// error may concern an earlier message.
func (d *Device) Send(ctx context.Context, topic string, payload []byte) error {
	if !d.client.IsConnectionOpen() {
		return ErrOffline
	}
	s := d.send(topic, payload)
	for {
		select {
		case d.window <- s:
			return nil
		default:
		}
		select {
		case oldest := <-d.window:
			if err := d.await(ctx, oldest); err != nil {
				return err
			}
		default: // another caller took it
		}
	}
}

// Down delivers what ingest says. When nobody reads, the newest 256 are kept. It is never closed.
func (d *Device) Down() <-chan DownMessage { return d.down }

// Close publishes `offline` and disconnects.
func (d *Device) Close() {
	d.once.Do(func() {
		if d.client.IsConnectionOpen() && !d.cfg.Silent {
			d.client.Publish(telemetry.Topic(d.cfg.Tracker, telemetry.Status), qos, true, "offline").WaitTimeout(time.Second)
		}
		close(d.closed)
		d.client.Disconnect(quiesceMS)
	})
}
