package broker

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// gate decides who may connect, what a client may use, and when a publisher has to wait.
type gate struct {
	mochi.HookBase
	cfg      Config
	server   *mochi.Server
	inlet    *inlet
	accounts map[string][32]byte // user name -> SHA-256 of the password

	mu        sync.Mutex
	until     map[*mochi.Client]time.Time
	consumers atomic.Pointer[[]string] // client ids of services that subscribed to what trackers publish

	// passing counts messages between admission and the consumers' queues, so that concurrent publishers cannot pass
	// the window together; admitted says whose.
	passing  atomic.Int64
	admitted sync.Map // *mochi.Client -> struct{}
	freed    chan struct{}
	stopped  chan struct{}

	waiting, refused, dropped atomic.Int64
}

func newGate(cfg Config, server *mochi.Server) *gate {
	g := &gate{
		cfg: cfg, server: server, inlet: newInlet(cfg.Local), accounts: map[string][32]byte{}, until: map[*mochi.Client]time.Time{},
		freed: make(chan struct{}, window), stopped: make(chan struct{}),
	}
	g.consumers.Store(&[]string{})
	for _, a := range cfg.Accounts {
		g.accounts[a.Username] = sha256.Sum256([]byte(a.Password))
	}
	return g
}

func (g *gate) ID() string { return "trackseal-gate" }

func (g *gate) Provides(b byte) bool {
	return bytes.IndexByte([]byte{
		mochi.OnConnectAuthenticate, mochi.OnACLCheck, mochi.OnDisconnect, mochi.OnSubscribed, mochi.OnPublish,
		mochi.OnPacketProcessed, mochi.OnQosComplete, mochi.OnPublishDropped,
	}, b) >= 0
}

// OnConnectAuthenticate: a service by its password; a tracker whose client id, user name and last will are its own, by
// Authenticate.
func (g *gate) OnConnectAuthenticate(cl *mochi.Client, pk packets.Packet) bool {
	ok := g.authenticate(cl, pk)
	if !ok {
		g.refused.Add(1)
	}
	return ok
}

func (g *gate) authenticate(cl *mochi.Client, pk packets.Packet) bool {
	user := string(pk.Connect.Username)
	if want, ok := g.accounts[user]; ok {
		got := sha256.Sum256(pk.Connect.Password)
		return subtle.ConstantTimeCompare(got[:], want[:]) == 1 && strings.HasPrefix(cl.ID, user) && !pk.Connect.WillFlag
	}
	if user != cl.ID || !telemetry.ValidID(user) {
		return false
	}
	for service := range g.accounts {
		if strings.HasPrefix(user, service) { // it could take over the service's session
			return false
		}
	}
	if pk.Connect.WillFlag && pk.Connect.WillTopic != telemetry.Topic(user, telemetry.Status) {
		return false
	}
	until, err := g.cfg.Authenticate(user, string(pk.Connect.Password))
	if err != nil {
		g.cfg.Log.Info("tracker refused", "tracker", user, "remote", cl.Net.Remote, "err", err)
		return false
	}
	if !until.IsZero() {
		g.mu.Lock()
		g.until[cl] = until
		g.mu.Unlock()
	}
	return true
}

// service: one of the accounts, or the ingest of this process.
func (g *gate) service(cl *mochi.Client) bool {
	if cl.Net.Inline {
		return true
	}
	_, ok := g.accounts[string(cl.Properties.Username)]
	return ok
}

// OnACLCheck: trackers publish their own up, json and status and subscribe to their own down, by its exact name.
func (g *gate) OnACLCheck(cl *mochi.Client, topic string, write bool) bool {
	var ok bool
	if g.service(cl) {
		if write {
			_, channel, err := telemetry.ParseTopic(topic)
			ok = err == nil && channel == telemetry.Down
		} else {
			ok = strings.HasPrefix(topic, telemetry.TopicPrefix)
		}
	} else {
		tracker, channel, err := telemetry.ParseTopic(topic)
		ok = err == nil && tracker == cl.ID && (channel == telemetry.Down) == !write
	}
	if !ok {
		g.refused.Add(1)
	}
	return ok
}

// OnSubscribed keeps the list of consumers: services that read what trackers publish.
func (g *gate) OnSubscribed(cl *mochi.Client, pk packets.Packet, _ []byte) {
	if !g.service(cl) || slices.Contains(*g.consumers.Load(), cl.ID) {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	all := append(slices.Clone(*g.consumers.Load()), cl.ID)
	g.consumers.Store(&all)
}

func (g *gate) OnDisconnect(cl *mochi.Client, _ error, expire bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inlet.forget(cl)
	delete(g.until, cl)
	if expire && g.service(cl) && !cl.IsTakenOver() {
		all := slices.DeleteFunc(slices.Clone(*g.consumers.Load()), func(id string) bool { return id == cl.ID })
		g.consumers.Store(&all)
	}
}

// OnPublish holds a tracker's message back until every consumer has room for it. This runs in the tracker's own reading
// goroutine and before its PUBACK, so the tracker feels it as a slow broker. After the patience its connection is dropped
// without a PUBACK: it will come back and send again.
func (g *gate) OnPublish(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	if g.service(cl) {
		return pk, nil
	}
	_, channel, err := telemetry.ParseTopic(pk.TopicName)
	if err != nil || pk.FixedHeader.Retain && channel != telemetry.Status {
		g.refused.Add(1)
		cl.Stop(packets.ErrNotAuthorized)
		return pk, packets.ErrRejectPacket
	}
	if g.cfg.Pace != nil && !g.pace(cl, &pk) {
		return pk, packets.ErrRejectPacket
	}
	if channel == telemetry.Status {
		return pk, nil
	}
	if g.inlet.wants != nil && g.inlet.wants(pk.TopicName) {
		if g.inlet.offer(g, cl, &pk) != nil {
			cl.Stop(packets.ErrServerBusy)
		} else if len(*g.consumers.Load()) > 0 {
			_ = g.server.Publish(pk.TopicName, pk.Payload, false, pk.FixedHeader.Qos) // fails only without an inline client
		}
		return pk, packets.ErrRejectPacket // mochi neither acknowledges nor distributes it
	}
	if g.admit() || g.wait(cl) {
		g.admitted.Store(cl, struct{}{})
		return pk, nil
	}
	cl.Stop(packets.ErrServerBusy)
	return pk, packets.ErrRejectPacket
}

// pace holds a message back that comes too fast, in its client's own reading goroutine; false when it is refused.
func (g *gate) pace(cl *mochi.Client, pk *packets.Packet) bool {
	wait, ok := g.cfg.Pace(cl.ID, len(pk.Payload), g.cfg.Patience)
	if !ok {
		if pk.FixedHeader.Qos > 0 && cl.Properties.ProtocolVersion == 5 {
			g.inlet.pubacks(cl).add(pk.PacketID, telemetry.RateLimited)
		} else if pk.FixedHeader.Qos > 0 {
			cl.Stop(packets.ErrQuotaExceeded) // it sends again what has no PUBACK
		}
		return false
	}
	if wait == 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return !cl.Closed() // its successor sends the message again
	case <-g.stopped:
		cl.Stop(packets.ErrServerShuttingDown)
		return false
	}
}

// OnPacketProcessed runs after every packet, also after one whose PUBACK could not be written.
func (g *gate) OnPacketProcessed(cl *mochi.Client, pk packets.Packet, _ error) {
	if pk.FixedHeader.Type != packets.Publish {
		return
	}
	if _, ok := g.admitted.LoadAndDelete(cl); ok {
		g.passing.Add(-1)
	}
}

// admit takes a place in the window, if all consumers have one.
func (g *gate) admit() bool {
	passing := g.passing.Add(1)
	consumers := *g.consumers.Load()
	ok := len(consumers) > 0
	for _, id := range consumers {
		c, found := g.server.Clients.Get(id)
		ok = ok && found && !c.Closed() && int64(c.State.Inflight.Len())+passing <= window
	}
	if !ok {
		g.passing.Add(-1)
	}
	return ok
}

func (g *gate) wait(cl *mochi.Client) bool {
	g.waiting.Add(1)
	defer g.waiting.Add(-1)
	patience := time.NewTimer(g.cfg.Patience)
	defer patience.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case <-g.freed:
		case <-again.C:
		case <-patience.C:
			return false
		case <-g.stopped:
			return false
		}
		if cl.Closed() {
			return false
		}
		if g.admit() {
			return true
		}
	}
}

// OnQosComplete wakes one publisher for each message that a consumer acknowledged.
func (g *gate) OnQosComplete(cl *mochi.Client, _ packets.Packet) {
	if g.waiting.Load() > 0 && g.service(cl) {
		select {
		case g.freed <- struct{}{}:
		default:
		}
	}
}

func (g *gate) OnPublishDropped(cl *mochi.Client, _ packets.Packet) {
	g.dropped.Add(1)
	if slices.Contains(*g.consumers.Load(), cl.ID) {
		// For messages that are not Local the window makes this impossible; if it ever happens, the trackers' own buffers repair
		// it. Of local ones these are copies.
		g.cfg.Log.Error("broker dropped a message to a consumer", "client", cl.ID)
	}
}

// expire ends connections whose password is no longer good.
func (g *gate) expire(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for cl, until := range g.until {
		if now.After(until) {
			cl.Stop(packets.ErrNotAuthorized)
			delete(g.until, cl)
		}
	}
}

func (g *gate) stop() {
	close(g.stopped)
	g.inlet.end() // lets waiting publishers go
}
