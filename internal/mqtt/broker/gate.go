package broker

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
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

	// met are connections whose CONNECT could be read; turnedAway says why a login is refused, until its CONNACK is written.
	met, turnedAway sync.Map // net.Conn -> struct{}, telemetry.Reject

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
		mochi.OnConnectAuthenticate, mochi.OnACLCheck, mochi.OnDisconnect, mochi.OnSubscribe, mochi.OnSubscribed, mochi.OnPublish,
		mochi.OnPacketRead, mochi.OnPacketEncode, mochi.OnPacketProcessed, mochi.OnQosComplete, mochi.OnPublishDropped,
	}, b) >= 0
}

// OnConnectAuthenticate: a service by its password; a tracker by Authenticate. The session is the tracker's whatever client id it came
// with, so that nobody takes over another's.
func (g *gate) OnConnectAuthenticate(cl *mochi.Client, pk packets.Packet) bool {
	why := g.authenticate(cl, pk)
	if why != "" {
		g.turnedAway.Store(cl.Net.Conn, telemetry.Reject{Reason: telemetry.BadLogin, Detail: why})
	}
	return why == ""
}

// authenticate says why a login is refused, "" when it is not.
func (g *gate) authenticate(cl *mochi.Client, pk packets.Packet) (why string) {
	user := string(pk.Connect.Username)
	if want, ok := g.accounts[user]; ok {
		got := sha256.Sum256(pk.Connect.Password)
		switch {
		case subtle.ConstantTimeCompare(got[:], want[:]) != 1:
			return "wrong password of a service"
		case !strings.HasPrefix(cl.ID, user):
			return "the client id of a service begins with its user name"
		case pk.Connect.WillFlag:
			return "a service has no last will"
		}
		return ""
	}
	user, until, why := g.tracker(cl, user, string(pk.Connect.Password))
	if why != "" {
		return why
	}
	cl.ID = user
	if cl.Properties.Props.AssignedClientID != "" {
		cl.Properties.Props.AssignedClientID = user
	}
	if !until.IsZero() {
		g.mu.Lock()
		g.until[cl] = until
		g.mu.Unlock()
	}
	if pk.Connect.WillFlag && pk.Connect.WillTopic != telemetry.Topic(user, telemetry.Status) {
		cl.Properties.Will = mochi.Will{}
		g.refuse(cl, Refusal{Topic: pk.Connect.WillTopic, Reject: telemetry.Reject{Reason: telemetry.WillIgnored, Detail: "a last will is kept on the tracker's status topic only"}})
	}
	return ""
}

// tracker finds who logs in: by id and password, or by a secret that stands alone. From then on the client's user name is the tracker's
// id, and no secret is kept or told.
func (g *gate) tracker(cl *mochi.Client, user, password string) (tracker string, until time.Time, why string) {
	if password == "" && g.cfg.Token != nil {
		cl.Properties.Username = nil
		tracker, ok := g.cfg.Token(user)
		if !ok {
			return "", until, "there is no password, and the user name is no tracker's secret"
		}
		if g.likeService(tracker) {
			return "", until, "the tracker's id begins like a service's"
		}
		cl.Properties.Username = []byte(tracker)
		return tracker, until, ""
	}
	switch {
	case !telemetry.ValidID(user):
		return "", until, "the user name is not a tracker's id"
	case g.likeService(user):
		return "", until, "the user name begins like a service's"
	}
	until, err := g.cfg.Authenticate(user, password)
	if err != nil {
		return "", until, err.Error()
	}
	return user, until, ""
}

// likeService: the client could take over the service's session.
func (g *gate) likeService(id string) bool {
	for service := range g.accounts {
		if strings.HasPrefix(id, service) {
			return true
		}
	}
	return false
}

// speaksFor: a tracker for itself, a gateway for its devices.
func (g *gate) speaksFor(cl *mochi.Client, tracker string) bool {
	return tracker == cl.ID || g.cfg.SpeaksFor != nil && g.cfg.SpeaksFor(cl.ID, tracker)
}

// service: one of the accounts, or the ingest of this process.
func (g *gate) service(cl *mochi.Client) bool {
	if cl.Net.Inline {
		return true
	}
	_, ok := g.accounts[string(cl.Properties.Username)]
	return ok
}

// OnACLCheck: trackers subscribe to their own down and that of the devices behind them, by its exact name. What they publish is for
// OnPublish, which has the packet.
func (g *gate) OnACLCheck(cl *mochi.Client, topic string, write bool) bool {
	if !g.service(cl) {
		if write {
			return true
		}
		if topic == unserved {
			return true
		}
		if tracker, channel, err := telemetry.ParseTopic(topic); err == nil && channel == telemetry.Down && g.speaksFor(cl, tracker) {
			return true
		}
		g.refuse(cl, Refusal{Topic: topic, Reject: telemetry.Reject{Reason: telemetry.TopicMismatch, Detail: "below trackseal/ a tracker may subscribe to its own down topic only, a gateway to those of its devices too"}})
		return false
	}
	ok := strings.HasPrefix(topic, telemetry.TopicPrefix)
	if write {
		_, channel, err := telemetry.ParseTopic(topic)
		ok = err == nil && channel == telemetry.Down
	}
	if !ok {
		g.refuse(cl, Refusal{Topic: topic, Reject: telemetry.Reject{Reason: telemetry.TopicMismatch, Detail: "not a service's topic"}})
	}
	return ok
}

// unserved is what trackers' subscriptions outside trackseal/ become: devices ask for attributes and commands of the platform that
// they were made for, and some do not go on before that is granted. Nobody can publish to it.
const unserved = "unserved"

// OnSubscribe: nothing is sent with QoS 2, so that a consumer's window counts each message once.
func (g *gate) OnSubscribe(cl *mochi.Client, pk packets.Packet) packets.Packet {
	pk.Filters = slices.Clone(pk.Filters)
	for i := range pk.Filters {
		f := &pk.Filters[i]
		f.Qos = min(f.Qos, 1)
		if !g.service(cl) && !strings.HasPrefix(f.Filter, ours) && mochi.IsValidFilter(f.Filter, false) && !mochi.IsSharedFilter(f.Filter) {
			f.Filter = unserved
		}
	}
	return pk
}

// ours begins what is not for the devices of other platforms.
const ours = "trackseal/"

// maxTopic bounds what a message outside trackseal/ is called.
const maxTopic = 1024

// channelOf finds out for whom a client publishes, and where. A topic of other platforms becomes one of the client's own channel in.
func (g *gate) channelOf(cl *mochi.Client, pk *packets.Packet) (tracker, channel string, why *telemetry.Reject) {
	if !strings.HasPrefix(pk.TopicName, ours) {
		if len(pk.TopicName) > maxTopic {
			return "", "", &telemetry.Reject{Reason: telemetry.TopicMismatch, Detail: fmt.Sprintf("the topic has %d bytes, at most %d", len(pk.TopicName), maxTopic)}
		}
		pk.TopicName = telemetry.InTopic(cl.ID, pk.TopicName)
		return cl.ID, telemetry.In, nil
	}
	tracker, channel, err := telemetry.ParseTopic(pk.TopicName)
	if err != nil || channel == telemetry.Down || !g.speaksFor(cl, tracker) {
		return "", "", &telemetry.Reject{Reason: telemetry.TopicMismatch, Detail: "below trackseal/ a tracker may publish to its own up, json, in and status topics only, a gateway to those of its devices too"}
	}
	return tracker, channel, nil
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

func (g *gate) OnDisconnect(cl *mochi.Client, err error, expire bool) {
	g.broken(cl, err)
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
	tracker, channel, why := g.channelOf(cl, &pk)
	if why != nil {
		g.refusePublish(cl, &pk, *why)
		return pk, packets.ErrRejectPacket
	}
	if channel != telemetry.Status {
		pk.FixedHeader.Retain = false // what a device measured once must not look like a new measurement to who comes later
	}
	if g.cfg.Pace != nil && !g.pace(cl, tracker, &pk) {
		return pk, packets.ErrRejectPacket
	}
	if channel == telemetry.Status {
		return pk, nil
	}
	if g.inlet.wants != nil && g.inlet.wants(pk.TopicName) {
		if g.inlet.offer(g, cl, &pk) != nil {
			g.busy(cl)
		} else if len(*g.consumers.Load()) > 0 {
			_ = g.server.Publish(pk.TopicName, pk.Payload, false, pk.FixedHeader.Qos) // fails only without an inline client
		}
		return pk, packets.ErrRejectPacket // mochi neither acknowledges nor distributes it
	}
	if g.admit() || g.wait(cl) {
		g.admitted.Store(cl, struct{}{})
		return pk, nil
	}
	g.busy(cl)
	return pk, packets.ErrRejectPacket
}

// pace holds a message back of a tracker that sends too fast, in its client's own reading goroutine; false when it is refused.
func (g *gate) pace(cl *mochi.Client, tracker string, pk *packets.Packet) bool {
	wait, ok := g.cfg.Pace(tracker, len(pk.Payload), g.cfg.Patience)
	if !ok {
		if pk.FixedHeader.Qos > 0 && cl.Properties.ProtocolVersion == 5 {
			g.inlet.pubacks(cl).add(acknowledges(pk), pk.PacketID, tooFast)
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
	var over []*mochi.Client
	g.mu.Lock()
	for cl, until := range g.until {
		if now.After(until) {
			over = append(over, cl)
			delete(g.until, cl)
		}
	}
	g.mu.Unlock()
	for _, cl := range over {
		g.end(cl, packets.Code{Code: packets.ErrNotAuthorized.Code, Reason: "the password has expired"})
	}
}

func (g *gate) stop() {
	close(g.stopped)
	g.inlet.end() // lets waiting publishers go
}
