// Package broker embeds mochi-mqtt, and is its only importer. Trackers may use their own topics, and every topic outside
// trackseal/, which becomes one of their channel `in`: devices that know nothing of Trackseal publish where they always did. A
// publisher waits while ingest is behind, so the broker drops nothing that it has acknowledged.
//
// With Config.Local, messages go to the ingest of the same process, and their PUBACK waits until it has them on disk. What
// goes to subscribers is acknowledged before mochi hands it on, and kept in memory only. Trackers cannot know which broker they
// have: they keep a message until ingest's own ack names it.
package broker

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"sync/atomic"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// Account is a service (ingest, a load tool) with a password: it may subscribe below trackseal/v1/ and publish to `down`
// topics. Its client ids start with its user name.
type Account struct{ Username, Password string }

// Config of the broker.
type Config struct {
	Listen   string      // host:port, port 0 picks a free one
	TLS      *tls.Config // nil = plain text
	Accounts []Account
	// Authenticate checks a tracker's password; until is when the connection must end (zero = never). It is called
	// concurrently. The user name is a valid tracker id already.
	Authenticate func(tracker, password string) (until time.Time, err error)
	// Token, if set, finds the tracker whose secret is the user name of a login without password, as ThingsBoard's devices log in.
	// Called concurrently, with whatever a client sent.
	Token func(secret string) (tracker string, ok bool)
	// SpeaksFor, if set, says whether a logged-in client is the gateway of a tracker: it uses that one's topics like its own. Called concurrently.
	SpeaksFor func(client, tracker string) bool
	// Local, if set, says which topics are not for subscribers but for Receive; the channels are up, json and in. Other services
	// that subscribe to them get copies, as far as they keep up.
	Local func(topic string) bool
	// Pace, if set, says how long a tracker's message of so many bytes has to wait, for it sends faster than it may. The tracker feels a
	// slow broker, and nothing of what it sends loses its order. When the wait would be longer than patience, ok is false and the
	// message is refused: by its PUBACK in MQTT 5, else by ending the connection. Called concurrently.
	Pace func(tracker string, bytes int, patience time.Duration) (wait time.Duration, ok bool)
	// Refused, if set, hears of everything that is refused here and does not get to Receive. Called concurrently; it must not wait.
	Refused func(Refusal)
	// MaxClients connected at once; 0 = 20,000.
	MaxClients int
	// Patience is how long a publisher waits for ingest before its connection is dropped; 0 = 10 s.
	Patience time.Duration
	Log      *slog.Logger
}

// Refusal is something that the broker refused by itself.
type Refusal struct {
	Tracker  string // who the client says it is, "" when that is not a tracker's id, or may be a secret
	LoggedIn bool   // by the tracker's password or secret
	Client   string // client id
	Remote   string
	Topic    string
	Raw      []byte // of a message that was read
	telemetry.Reject
}

const (
	// maxPacket is far more than ingest takes, so that what is too large is read and refused in words; beyond it the connection ends.
	maxPacket = 256 << 10
	// window is how many messages a consumer may leave unacknowledged before publishers wait. It stays below
	// writesPending, since mochi drops what does not fit into that queue. The queue is allocated for every client,
	// so it is small.
	window        = 896
	writesPending = 1024
	connectBound  = 10 * time.Second
	sessionExpiry = 24 * 60 * 60 // seconds
)

// Broker is one embedded broker.
type Broker struct {
	cfg      Config
	server   *mochi.Server
	gate     *gate
	listener net.Listener
}

// New checks the configuration.
func New(cfg Config) (*Broker, error) {
	if cfg.Authenticate == nil {
		return nil, errors.New("mqtt broker: no Authenticate function")
	}
	cfg.MaxClients, cfg.Patience = cmp.Or(cfg.MaxClients, 20_000), cmp.Or(cfg.Patience, 10*time.Second)
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	limits := mochi.NewDefaultServerCapabilities()
	limits.MaximumClients = int64(cfg.MaxClients)
	limits.MaximumClientWritesPending = writesPending
	limits.MaximumInflight = writesPending
	limits.MaximumPacketSize = maxPacket
	limits.MaximumSessionExpiryInterval = sessionExpiry
	limits.MaximumMessageExpiryInterval = 0 // an unacknowledged message does not grow old
	limits.SharedSubAvailable = 0           // shared subscriptions lose a tracker's order
	limits.TopicAliasMaximum = 0
	limits.MinimumProtocolVersion = 3 // MQTT 3.1
	server := mochi.New(&mochi.Options{
		Capabilities:           limits,
		Logger:                 slog.New(errorsOnly{cfg.Log.Handler()}),
		SysTopicResendInterval: math.MaxInt32, // nobody may read $SYS
		InlineClient:           cfg.Local != nil,
	})
	b := &Broker{cfg: cfg, server: server}
	b.gate = newGate(cfg, server)
	if err := server.AddHook(b.gate, nil); err != nil {
		return nil, fmt.Errorf("mqtt broker: %w", err)
	}
	return b, nil
}

// Listen opens the port; Run serves it.
func (b *Broker) Listen(ctx context.Context) (net.Addr, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", b.cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("mqtt broker: %w (another program may use this address; change `mqtt.listen`)", err)
	}
	b.listener = ln
	return ln.Addr(), nil
}

// Run serves until ctx ends. Listen must have been called.
func (b *Broker) Run(ctx context.Context) error {
	// The bound of a new connection holds for its TLS handshake as well, which mochi's first read makes.
	var begun atomic.Int64
	var ln net.Listener = boundedListener{b.listener, &begun}
	if b.cfg.TLS != nil {
		ln = tls.NewListener(ln, b.cfg.TLS)
	}
	if err := b.server.AddListener(listener{listeners.NewNet("mqtt", ln), b.gate}); err != nil {
		return fmt.Errorf("mqtt broker: %w", err)
	}
	if err := b.server.Serve(); err != nil {
		return fmt.Errorf("mqtt broker: %w", err)
	}
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	b.gate.inlet.running.Store(true)
	defer b.gate.inlet.running.Store(false)
	for {
		select {
		case <-ctx.Done():
			b.gate.stop()
			begun.Load()
			_ = b.server.Close()
			b.gate.inlet.finish()
			return nil
		case now := <-tick.C:
			b.gate.expire(now)
		}
	}
}

// Disconnect drops a tracker's connection, for example when it has been revoked.
func (b *Broker) Disconnect(tracker string) {
	if cl, ok := b.server.Clients.Get(tracker); ok {
		b.gate.end(cl, packets.Code{Code: packets.ErrNotAuthorized.Code, Reason: "the tracker was revoked, or has another secret"})
	}
}

// Stats of the broker.
type Stats struct {
	Clients int64 // connected now
	Waiting int64 // publishers held back because ingest is behind
	Refused int64 // what Config.Refused heard
	Dropped int64 // messages to a client that does not read; never to ingest
}

// Stats returns the counters.
func (b *Broker) Stats() Stats {
	return Stats{
		Clients: b.server.Info.Clone().ClientsConnected,
		Waiting: b.gate.waiting.Load(),
		Refused: b.gate.refused.Load(),
		Dropped: b.gate.dropped.Load(),
	}
}

// boundedListener gives a connection a time by which its CONNECT must be complete; mochi sets none. It counts reads for the order of
// memory alone: mochi adds a connection to a WaitGroup in the connection's own goroutine, before it reads, and Close waits for the group
// without anything between the two.
type boundedListener struct {
	net.Listener
	begun *atomic.Int64
}

func (l boundedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		err = c.SetDeadline(time.Now().Add(connectBound))
		c = &begunConn{c, l.begun}
	}
	return c, err
}

type begunConn struct {
	net.Conn
	begun *atomic.Int64
}

func (c *begunConn) Read(b []byte) (int, error) {
	c.begun.Add(1)
	return c.Conn.Read(b)
}

// errorsOnly keeps mochi's reports about single clients out of the log.
type errorsOnly struct{ slog.Handler }

func (h errorsOnly) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelError && h.Handler.Enabled(ctx, l)
}
func (h errorsOnly) WithAttrs(a []slog.Attr) slog.Handler { return errorsOnly{h.Handler.WithAttrs(a)} }
func (h errorsOnly) WithGroup(n string) slog.Handler      { return errorsOnly{h.Handler.WithGroup(n)} }
