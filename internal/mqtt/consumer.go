package mqtt

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// ConsumerConfig is ingest's connection.
type ConsumerConfig struct {
	URL string
	// ClientID names the persistent session; the connection that publishes is called ClientID + "-out".
	ClientID   string
	Username   string
	Password   func() string
	TLS        func() *tls.Config // asked before each connection; nil = the system's authorities
	Partitions Partitions
	// InFlight bounds the messages that are received and not yet acknowledged; 0 = 4096. A broker with a larger window is
	// held back by its socket.
	InFlight int
	Log      *slog.Logger
}

func (cfg ConsumerConfig) account() account {
	return account{cfg.URL, cfg.ClientID, cfg.Username, cfg.Password, cfg.TLS}
}

// Consumer receives what trackers publish, in the order in which the broker sends it, and publishes to `down` topics.
type Consumer struct {
	cfg        ConsumerConfig
	deliveries chan paho.Message
	done       chan struct{}
	in, out    paho.Client
	subscribed atomic.Bool
}

// NewConsumer checks the configuration; Run connects.
func NewConsumer(cfg ConsumerConfig) (*Consumer, error) {
	c := &Consumer{cfg: cfg, deliveries: make(chan paho.Message, cmp.Or(cfg.InFlight, 4096)), done: make(chan struct{})}
	receiving := cfg.account()
	in, err := receiving.options()
	if err != nil {
		return nil, err
	}
	in.SetCleanSession(false).
		SetAutoAckDisabled(true).
		// Order matters: a tracker's messages must be seen as they were sent. The handler only moves the message into a
		// channel that is as long as the window.
		SetOrderMatters(true).
		// Set before Connect: a persistent session delivers before the subscription is renewed, and a message without a
		// handler would never be acknowledged and fill the broker's window.
		SetDefaultPublishHandler(c.receive).
		SetOnConnectHandler(c.subscribe).
		SetConnectionLostHandler(func(_ paho.Client, err error) {
			c.subscribed.Store(false)
			cfg.Log.Warn("mqtt connection lost, reconnecting", "err", err)
		})
	gatherConnections(in, receiving)
	c.in = paho.NewClient(in)
	// Acknowledgements to trackers leave on a connection of their own: brokers that keep one packet-id space per client
	// mix up our publishes with their unacknowledged deliveries.
	sending := cfg.account()
	sending.ClientID += "-out"
	out, err := sending.options()
	if err != nil {
		return nil, err
	}
	out.SetCleanSession(true)
	gatherConnections(out, sending)
	c.out = paho.NewClient(out)
	return c, nil
}

// Receive waits for the next message. ack sends its PUBACK, and must be called once, after the message is durable or refused, or never.
// After a reconnect it does nothing: the broker delivers the message again. A reason reaches nobody: the broker has accepted the
// message long ago.
func (c *Consumer) Receive(ctx context.Context) (topic string, payload []byte, ack func(refused *telemetry.Reject), err error) {
	select {
	case m := <-c.deliveries:
		return m.Topic(), m.Payload(), func(*telemetry.Reject) { m.Ack() }, nil
	case <-ctx.Done():
		return "", nil, nil, ctx.Err()
	}
}

// Ready says why no message can arrive, or nil.
func (c *Consumer) Ready(context.Context) error {
	switch {
	case !c.in.IsConnectionOpen():
		return errors.New("not connected to the mqtt broker")
	case !c.subscribed.Load():
		return errors.New("not subscribed at the mqtt broker")
	}
	return nil
}

// Run connects and keeps connected until ctx ends.
func (c *Consumer) Run(ctx context.Context) error {
	in, out := c.in.Connect(), c.out.Connect()
	<-ctx.Done()
	close(c.done)
	c.in.Disconnect(quiesceMS)
	c.out.Disconnect(quiesceMS)
	<-in.Done()
	<-out.Done()
	return nil
}

func (c *Consumer) receive(_ paho.Client, m paho.Message) {
	select {
	case c.deliveries <- m:
	case <-c.done:
	}
}

// subscribe runs after each connect. A broker that forgot the session gets the subscriptions again; one that remembers
// changes nothing.
func (c *Consumer) subscribe(client paho.Client) {
	for wait := firstReconnect; ; wait = min(2*wait, maxReconnect) {
		err := subscribe(client, c.cfg.Partitions.filters())
		if err == nil {
			c.subscribed.Store(true)
			c.cfg.Log.Info("mqtt subscribed", "client", c.cfg.ClientID)
			return
		}
		if !client.IsConnectionOpen() {
			return // the next connect tries again
		}
		c.cfg.Log.Error("mqtt subscription refused, trying again", "err", err, "wait", wait)
		select {
		case <-time.After(wait):
		case <-c.done:
			return
		}
	}
}

// Publish sends to a tracker with QoS 1 and does not wait: what is lost is said again with the next acknowledgement.
func (c *Consumer) Publish(topic string, payload []byte) {
	if c.out.IsConnectionOpen() {
		c.out.Publish(topic, qos, false, payload)
	}
}

// CountMessages is the bare subscriber that ingest is measured against: it counts into n until ctx ends, acknowledging as
// it goes. It returns when the subscription cannot be made.
func CountMessages(ctx context.Context, cfg ConsumerConfig, n *atomic.Uint64) error {
	opts, err := cfg.account().options()
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	opts.SetCleanSession(true).SetOrderMatters(true).
		SetDefaultPublishHandler(func(paho.Client, paho.Message) { n.Add(1) }).
		SetOnConnectHandler(func(client paho.Client) {
			if err := subscribe(client, cfg.Partitions.filters()); err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	client := paho.NewClient(opts)
	client.Connect()
	defer client.Disconnect(quiesceMS)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}
