package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
	"golang.org/x/sync/semaphore"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// inlet hands what trackers publish to the ingest of the same process, without a second connection, and sends the PUBACK
// when that ingest acknowledges: here, and only here, a PUBACK says that the message is durable.
type inlet struct {
	wants      func(topic string) bool
	deliveries chan delivery
	// room is what may be handed over and not yet acknowledged. Beyond it publishers wait.
	room *semaphore.Weighted
	ctx  context.Context // ends with the broker
	end  context.CancelFunc

	queues sync.Map // *mochi.Client -> *pubacks

	mu      sync.Mutex
	ended   bool
	writers sync.WaitGroup
	running atomic.Bool
}

type delivery struct {
	topic   string
	payload []byte
	ack     func(refused *telemetry.Reject)
}

const (
	inletRoom = 16 << 20
	// inletEach is what a message costs ingest beside its bytes, until it is acknowledged.
	inletEach = 2 << 10
	// maxUnread is how many bytes of PUBACKs a client may leave unread.
	maxUnread = 64 << 10
)

func newInlet(wants func(topic string) bool) *inlet {
	ctx, end := context.WithCancel(context.Background())
	return &inlet{
		wants: wants, room: semaphore.NewWeighted(inletRoom), ctx: ctx, end: end,
		deliveries: make(chan delivery, inletRoom/inletEach), // so many fit at most: a send never waits
	}
}

// offer hands a message over. It blocks in the tracker's own reading goroutine while there is no room, at most for the
// gate's patience.
func (in *inlet) offer(g *gate, cl *mochi.Client, pk *packets.Packet) error {
	cost := int64(inletEach + len(pk.Payload))
	if !in.room.TryAcquire(cost) {
		if err := in.wait(g, cost); err != nil {
			return err
		}
		if cl.Closed() { // its successor sends the message again
			in.room.Release(cost)
			return errors.New("connection closed")
		}
	}
	ack := func(*telemetry.Reject) { in.room.Release(cost) }
	if pk.FixedHeader.Qos > 0 {
		q, kind, id := in.pubacks(cl), acknowledges(pk), pk.PacketID
		ack = func(refused *telemetry.Reject) {
			in.room.Release(cost)
			q.add(kind, id, refused)
		}
	}
	in.deliveries <- delivery{pk.TopicName, pk.Payload, ack}
	return nil
}

func (in *inlet) wait(g *gate, cost int64) error {
	g.waiting.Add(1)
	defer g.waiting.Add(-1)
	ctx, cancel := context.WithTimeout(in.ctx, g.cfg.Patience)
	defer cancel()
	return in.room.Acquire(ctx, cost)
}

// pubacks is the queue of a client.
func (in *inlet) pubacks(cl *mochi.Client) *pubacks {
	queue, ok := in.queues.Load(cl)
	if !ok {
		queue, _ = in.queues.LoadOrStore(cl, &pubacks{inlet: in, client: cl})
	}
	return queue.(*pubacks)
}

// forget drops a client that has disconnected; what is still to be acknowledged to it goes nowhere.
func (in *inlet) forget(cl *mochi.Client) { in.queues.Delete(cl) }

// finish waits for the last writers, which end when their connections are closed.
func (in *inlet) finish() {
	in.mu.Lock()
	in.ended = true
	in.mu.Unlock()
	in.writers.Wait()
}

// acknowledges is the packet by which a message is acknowledged: PUBACK, or the PUBREC of QoS 2.
func acknowledges(pk *packets.Packet) byte {
	if pk.FixedHeader.Qos == 2 {
		return packets.Pubrec
	}
	return packets.Puback
}

// pubacks are one connection's PUBACKs and PUBRECs. What is acknowledged together leaves together, written beside the acknowledging
// goroutine: a client that does not read delays nobody else.
type pubacks struct {
	inlet  *inlet
	client *mochi.Client

	mu         sync.Mutex
	out, spare []byte
	writing    bool
}

// add acknowledges a message. MQTT 5 has words for a refused one; to a client of MQTT 3 a PUBACK says that ingest is done with it. What is to be
// sent again has none there: the connection ends, and the next one brings it.
func (q *pubacks) add(kind byte, id uint16, refused *telemetry.Reject) {
	told := refused != nil && q.client.Properties.ProtocolVersion == 5
	if refused != nil && !told && refused.Reason.Temporary() {
		q.client.Stop(refused)
		return
	}
	if kind == packets.Pubrec && !told {
		q.received(id)
	}
	q.mu.Lock()
	if len(q.out) > maxUnread {
		q.mu.Unlock()
		q.client.Stop(errors.New("does not read its PUBACKs"))
		return
	}
	if told {
		q.out = appendRefusal(q.out, kind, id, refused, &q.client.Properties.Props)
	} else {
		q.out = append(q.out, kind<<4, 2, byte(id>>8), byte(id))
	}
	start := !q.writing
	q.writing = true
	q.mu.Unlock()
	if start {
		q.inlet.write(q)
	}
}

// received remembers a message of QoS 2 in its client's session until the PUBREL, which mochi answers. One that is sent again until
// then is not a new one. A restart of ingest forgets the sessions, and its clients with them.
func (q *pubacks) received(id uint16) {
	open := q.client.State.Inflight
	if open.Set(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Pubrec}, PacketID: id, Created: time.Now().Unix()}) {
		open.DecreaseReceiveQuota() // the PUBREL gives it back: so bounded is what a client may leave open
	}
}

var tooFast = &telemetry.Reject{Reason: telemetry.RateLimited, Detail: "send it again later"}

// appendRefusal is a PUBACK or PUBREC of MQTT 5 (3.4, 3.5) with a reason code and, unless the client does not want to hear it, our
// reason and its detail.
func appendRefusal(b []byte, kind byte, id uint16, refused *telemetry.Reject, client *packets.Properties) []byte {
	code := packets.ErrPayloadFormatInvalid.Code
	switch refused.Reason {
	case telemetry.RateLimited:
		code = packets.ErrQuotaExceeded.Code
	case telemetry.Busy:
		code = packets.ErrServerBusy.Code
	case telemetry.Oversized:
		code = packets.ErrPacketTooLarge.Code
	case telemetry.TopicMismatch:
		code = packets.ErrTopicNameInvalid.Code
	case telemetry.UnknownTracker, telemetry.Revoked, telemetry.OtherOperator, telemetry.BadSignature, telemetry.WrongKey, telemetry.WrongAlg, telemetry.UnknownDevice, telemetry.NotItsGateway:
		code = packets.ErrNotAuthorized.Code
	}
	text := words(refused)
	silent := client.RequestProblemInfoFlag && client.RequestProblemInfo == 0
	if size := client.MaximumPacketSize; silent || size > 0 && int(size) < len(text)+9 {
		return append(b, kind<<4, 3, byte(id>>8), byte(id), code)
	}
	const reasonString = 0x1f
	n := byte(len(text)) // the lengths below stay under 128: one byte each
	b = append(b, kind<<4, 7+n, byte(id>>8), byte(id), code, 3+n, reasonString, 0, n)
	return append(b, text...)
}

// words are what fits into a reason string of 120 bytes.
func words(r *telemetry.Reject) string {
	text := strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || c == utf8.RuneError {
			return '?'
		}
		return c
	}, r.Error())
	for len(text) > 120 {
		_, last := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-last]
	}
	return text
}

func (in *inlet) write(q *pubacks) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.ended {
		in.writers.Go(q.write)
	}
}

func (q *pubacks) write() {
	for {
		q.mu.Lock()
		piece := q.out
		if len(piece) == 0 {
			q.writing = false
			q.mu.Unlock()
			return
		}
		q.out, q.spare = q.spare[:0], nil
		q.mu.Unlock()
		// mochi holds the same lock when it writes a packet.
		q.client.Lock()
		_, err := q.client.Net.Conn.Write(piece)
		q.client.Unlock()
		if err != nil {
			q.client.Stop(err)
		}
		q.mu.Lock()
		q.spare = piece
		q.mu.Unlock()
	}
}

// Receive waits for the next message of Config.Local. ack lets its PUBACK go, and must be called once, after the message is
// durable or refused for good, or never: its tracker then sends it again.
func (b *Broker) Receive(ctx context.Context) (topic string, payload []byte, ack func(refused *telemetry.Reject), err error) {
	select {
	case d := <-b.gate.inlet.deliveries:
		return d.topic, d.payload, d.ack, nil
	case <-ctx.Done():
		return "", nil, nil, ctx.Err()
	}
}

// Publish sends to a tracker with QoS 1 and does not wait. It may be lost.
func (b *Broker) Publish(topic string, payload []byte) {
	if err := b.server.Publish(topic, payload, false, 1); err != nil {
		b.cfg.Log.Warn("message to a tracker not sent", "topic", topic, "err", err)
	}
}

// Ready says why no message can arrive, or nil.
func (b *Broker) Ready(context.Context) error {
	if !b.gate.inlet.running.Load() {
		return fmt.Errorf("the mqtt broker is not running")
	}
	return nil
}
