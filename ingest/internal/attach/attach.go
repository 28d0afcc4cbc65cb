// Package attach reads what trackers send that speak any language but Trackseal's signed one: by the profile that the tracker's record pins. A
// message of a gateway becomes one item for each device that it speaks of; what was read stands in the item's envelope, which is logged.
//
// Messages of one tracker stay in their order. What a codec has to decode waits in a queue of its profile, so that a slow one delays nobody
// else.
package attach

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/trackseal/trackseal/ingest/internal/message"
	"github.com/trackseal/trackseal/ingest/internal/registry"
	"github.com/trackseal/trackseal/ingest/internal/verify"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Registry is where trackers, and the profiles that they pin, are looked up.
type Registry interface {
	verify.Registry
	// Device finds the tracker that a gateway calls so.
	Device(ctx context.Context, gateway, name string) (*registry.Tracker, bool)
	// Profile fails only as long as the ledger is away and the profile is not here.
	Profile(ctx context.Context, pin ledger.ProfilePin) (*profile.Profile, error)
}

// Runner runs a profile's codec. A *telemetry.Reject says what is wrong with the script or the message; any other error that it cannot be
// run now.
type Runner interface {
	Decode(ctx context.Context, p *profile.Profile, bytes []byte, port int, receivedMS int64) (decoded []byte, err error)
}

// Stage is safe for concurrent use.
type Stage struct {
	registry Registry
	codecs   *codecs

	read, skipped atomic.Uint64
}

// New makes a stage. Without a runner, what needs one is kept by its senders.
func New(trackers Registry, run Runner) *Stage {
	return &Stage{registry: trackers, codecs: newCodecs(run)}
}

// Concerns reports whether a message is one for this stage: on the channels json and in.
func Concerns(topic string) bool {
	rest, ok := strings.CutPrefix(topic, telemetry.TopicPrefix)
	_, rest, _ = strings.Cut(rest, "/")
	_, channel, _ := strings.Cut(rest, "/")
	return ok && (channel == telemetry.JSON || strings.HasPrefix(channel, telemetry.In+"/"))
}

// depth bounds what waits for one of the readers.
const depth = 256

// Run takes items from in until ctx ends, and gives them on with their envelopes. What the profile passes over ends here.
func (s *Stage) Run(ctx context.Context, in <-chan *message.Item, out chan<- *message.Item) error {
	readers := make([]chan *message.Item, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	defer s.codecs.wait()
	defer wg.Wait()
	for i := range readers {
		readers[i] = make(chan *message.Item, depth)
		defer close(readers[i])
		wg.Go(func() {
			for it := range readers[i] {
				s.attach(ctx, it, out)
			}
		})
	}
	seed := maphash.MakeSeed()
	for {
		select {
		case it := <-in:
			tracker, _, _ := telemetry.ParseTopic(it.Topic)
			select {
			case readers[maphash.String(seed, tracker)%uint64(len(readers))] <- it:
			case <-ctx.Done():
				return nil
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// attach reads one message. Whatever is wrong with a tracker, the verifier behind says: it judges all messages alike.
func (s *Stage) attach(ctx context.Context, it *message.Item, out chan<- *message.Item) {
	if ctx.Err() != nil {
		return // it is delivered again
	}
	t, topic := s.sender(ctx, it)
	if t == nil || t.Profile == nil {
		give(ctx, out, it)
		return
	}
	p, err := s.registry.Profile(ctx, *t.Profile)
	if err != nil {
		refuse(it, later(err))
		give(ctx, out, it)
		return
	}
	parts, skip, err := p.Parts(topic, it.Raw)
	switch {
	case err != nil:
		refuse(it, err)
		give(ctx, out, it)
		return
	case skip:
		s.skipped.Add(1)
		it.Pass()
		return
	}
	if len(parts) == 1 && parts[0].Device == "" {
		s.part(ctx, it, t, p, topic, out)
		return
	}
	items := make([]*message.Item, len(parts))
	for i := range parts {
		items[i] = &message.Item{Topic: it.Topic, Raw: parts[i].Payload, ReceivedMS: it.ReceivedMS, Via: t.ID, Device: parts[i].Device}
	}
	it.Split(items)
	for _, item := range items {
		s.device(ctx, item, t, p, topic, out)
	}
}

// sender is the tracker that published a message, and its own topic; nil when the message is the verifier's alone to judge.
func (s *Stage) sender(ctx context.Context, it *message.Item) (*registry.Tracker, string) {
	if it.Reject != nil {
		return nil, ""
	}
	id, channel, err := telemetry.ParseTopic(it.Topic)
	if err != nil {
		return nil, ""
	}
	t, err := verify.Admit(ctx, s.registry, id)
	if err != nil {
		return nil, ""
	}
	if _, signs := t.Current(); signs {
		return nil, ""
	}
	if channel != telemetry.In {
		return t, it.Topic
	}
	_, topic, _ := telemetry.InRest(it.Topic)
	return t, topic
}

// device reads what a gateway says of one of its devices, by the device's own profile: that is what its record says, and what is checked
// later. Who joins a gateway gets the gateway's.
func (s *Stage) device(ctx context.Context, it *message.Item, gateway *registry.Tracker, p *profile.Profile, topic string, out chan<- *message.Item) {
	t, ok := gateway, itself(gateway, it.Device)
	if ok {
		it.Via = ""
	} else {
		t, ok = s.registry.Device(ctx, gateway.ID, it.Device)
	}
	if !ok {
		refuse(it, s.stranger(ctx, gateway.ID, it.Device))
		give(ctx, out, it)
		return
	}
	it.Topic = telemetry.InTopic(t.ID, topic)
	switch {
	case t.Profile == nil:
		if _, err := telemetry.Open(telemetry.LeafUnsigned, telemetry.PlainEnvelope(t.ID, it.Raw), it.ReceivedMS); err != nil {
			refuse(it, fmt.Errorf("%w; %s has no profile of its own, so this was read as plain JSON", err, t.ID))
		}
		give(ctx, out, it)
		return
	case t.Profile.Hash != gateway.Profile.Hash:
		own, err := s.registry.Profile(ctx, *t.Profile)
		if err != nil {
			refuse(it, later(err))
			give(ctx, out, it)
			return
		}
		if p = own; p.Document().Devices == nil {
			if _, skip, err := p.Parts(topic, it.Raw); skip && err == nil {
				s.skipped.Add(1)
				it.Pass()
				return
			}
		}
	}
	s.part(ctx, it, t, p, topic, out)
}

// itself reports whether a name that a tracker's messages have is its own: a device that is nobody's gateway and speaks as one of many.
func itself(t *registry.Tracker, name string) bool {
	return t.Gateway == "" && (name == t.Device || name == t.ID || name == ledger.DeviceName(t.ID))
}

// stranger says why a gateway may not speak for a name.
func (s *Stage) stranger(ctx context.Context, gateway, name string) *telemetry.Reject {
	for _, id := range []string{name, ledger.MemberOf(gateway) + "." + name} {
		if !telemetry.ValidID(id) {
			continue
		}
		if t, ok := s.registry.Tracker(ctx, id); ok && t.Gateway != gateway && (t.Device == name || t.ID == name) {
			return &telemetry.Reject{Reason: telemetry.NotItsGateway, Detail: fmt.Sprintf("%s is not enrolled for gateway %s", t.ID, gateway)}
		}
	}
	return &telemetry.Reject{Reason: telemetry.UnknownDevice, Detail: fmt.Sprintf("device %.128q is not enrolled for gateway %s; if it is that tracker itself, tell its name: POST /v1/trackers/%s/gateway with device", name, gateway, gateway)}
}

// part reads one device's part, now or when the codec's turn has come.
func (s *Stage) part(ctx context.Context, it *message.Item, t *registry.Tracker, p *profile.Profile, topic string, out chan<- *message.Item) {
	if p.Document().Codec == nil {
		s.finish(ctx, it, t.ID, p, topic, nil, out)
		return
	}
	bytes, port, err := p.CodecInput(topic, it.Raw)
	if err != nil {
		refuse(it, err)
		give(ctx, out, it)
		return
	}
	s.codecs.add(ctx, &call{profile: p, bytes: bytes, port: port, receivedMS: it.ReceivedMS, size: len(it.Raw), done: func(decoded []byte, err error) {
		if err != nil {
			refuse(it, err)
			give(ctx, out, it)
			return
		}
		s.finish(ctx, it, t.ID, p, topic, decoded, out)
	}})
}

// finish reads the part, and makes the envelope that is logged.
func (s *Stage) finish(ctx context.Context, it *message.Item, tracker string, p *profile.Profile, topic string, decoded []byte, out chan<- *message.Item) {
	r, err := p.Read(topic, it.Raw, decoded, it.ReceivedMS)
	switch {
	case err != nil:
		refuse(it, err)
	case r.Skip:
		s.skipped.Add(1)
		it.Pass()
		return
	default:
		s.read.Add(1)
		e := telemetry.Envelope{Tracker: tracker, Profile: p.Hash(), Topic: topic, Payload: it.Raw, Decoded: decoded, Reads: r.Reads}
		it.Envelope, it.Counter, it.Bits, it.MessageID = e.Encode(), r.Seq, p.Bits(), r.MessageID
	}
	give(ctx, out, it)
}

// later leaves a message with its sender until something is there that it needs.
func later(err error) *telemetry.Reject {
	return &telemetry.Reject{Reason: telemetry.Busy, Detail: err.Error() + "; send it again"}
}

func refuse(it *message.Item, err error) {
	r, known := errors.AsType[*telemetry.Reject](err)
	switch {
	case !known:
		r = &telemetry.Reject{Reason: telemetry.Malformed, Detail: err.Error()}
	case err != error(r): // more was said around it
		r = &telemetry.Reject{Reason: r.Reason, Detail: strings.TrimPrefix(err.Error(), string(r.Reason)+": ")}
	}
	if it.Device != "" && r.Reason != telemetry.UnknownDevice && r.Reason != telemetry.NotItsGateway {
		r = &telemetry.Reject{Reason: r.Reason, Detail: fmt.Sprintf("device %.128q: %s", it.Device, r.Detail)}
	}
	it.Reject = r
}

func give(ctx context.Context, out chan<- *message.Item, it *message.Item) {
	select {
	case out <- it:
	case <-ctx.Done():
	}
}

// Counts since the start of the process.
type Counts struct {
	Read, Skipped          uint64 // messages and parts of messages
	Calls, Failed, Limited uint64 // of codecs
	TurnedAway             uint64 // found a codec's queue full
	Waiting                int    // in the codecs' queues now
}

// Counts returns the counters.
func (s *Stage) Counts() Counts {
	c := s.codecs.counts()
	c.Read, c.Skipped = s.read.Load(), s.skipped.Load()
	return c
}
