package run

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/trackseal/trackseal/ingest/internal/message"
	"github.com/trackseal/trackseal/ingest/internal/recent"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Refusal is what a broker in this process refused by itself.
type Refusal struct {
	Tracker  string // whom the client says it is, "" when that is no tracker's id
	LoggedIn bool   // by that tracker's password
	Client   string // client id
	Remote   string
	Topic    string
	Raw      []byte // of a message that was read
	telemetry.Reject
}

// refusals says of each refusal whether it gets a line in the log and an entry in the quarantine, by tracker and reason: one tracker's
// flood takes no room from the others. What is left out is counted and told with the next one. Safe for concurrent use.
type refusals struct {
	mu   sync.Mutex
	seen *recent.Cache[refusalKey, *refusalsOf]
	all  *rate.Limiter // of the log's lines, for all trackers together
}

type refusalKey struct {
	tracker string
	reason  telemetry.Reason
}

// refusalsOf counts the refusals since the last line and since the last entry.
type refusalsOf struct {
	lines, entries     *rate.Limiter
	unlogged, unlisted uint64
}

const (
	keepRefusals = 8192
	lineEvery    = 10 * time.Second // for each tracker and reason
	linesAtOnce  = 3
	// Entries of messages, which have their bytes, and of what else was refused: a device that tries again and again says nothing new.
	entryEvery, entriesAtOnce = 10 * time.Second, 500
	otherEvery, othersAtOnce  = time.Minute, 10
)

func newRefusals() *refusals {
	return &refusals{seen: recent.New[refusalKey, *refusalsOf](keepRefusals), all: rate.NewLimiter(10, 100)}
}

// weigh answers how many of its kind a line and an entry stand for, 0 when there is to be none.
func (r *refusals) weigh(tracker string, reason telemetry.Reason, bytes bool, now time.Time) (lines, entries uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := refusalKey{tracker, reason}
	of, ok := r.seen.Get(key)
	if !ok {
		of = &refusalsOf{lines: rate.NewLimiter(rate.Every(lineEvery), linesAtOnce), entries: rate.NewLimiter(rate.Every(otherEvery), othersAtOnce)}
		if bytes {
			of.entries = rate.NewLimiter(rate.Every(entryEvery), entriesAtOnce)
		}
		r.seen.Put(key, of)
		r.seen.Turn()
	}
	of.unlogged++
	of.unlisted++
	if of.lines.AllowN(now, 1) && r.all.AllowN(now, 1) {
		lines, of.unlogged = of.unlogged, 0
	}
	if of.entries.AllowN(now, 1) {
		entries, of.unlisted = of.unlisted, 0
	}
	return lines, entries
}

// logRefusal writes a line that stands for so many.
func (p *Pipeline) logRefusal(n uint64, tracker, topic string, why *telemetry.Reject, more ...any) {
	if n == 0 {
		return
	}
	level := slog.LevelWarn
	if why.Reason == telemetry.WillIgnored || why.Reason == telemetry.RateLimited {
		level = slog.LevelInfo
	}
	p.cfg.Log.Log(context.Background(), level, "refused", append([]any{"tracker", tracker, "reason", why.Reason, "detail", why.Detail, "topic", topic, "count", n}, more...)...)
}

// weigh prepares a group's refused messages for the quarantine: whose they are, and which are kept.
func (p *Pipeline) weigh(items []*message.Item) {
	for _, it := range items {
		if it.Reject == nil {
			continue
		}
		id, _, err := telemetry.ParseTopic(it.Topic)
		if err == nil && p.registry.Known(id) { // an invented name makes no series in InfluxDB
			it.Tracker = id
		}
		var lines uint64
		lines, it.Alike = p.refusals.weigh(it.Tracker, it.Reject.Reason, true, p.cfg.Now())
		p.logRefusal(lines, cmp.Or(it.Tracker, id), it.Topic, it.Reject, "bytes", len(it.Raw))
		if it.Alike > 0 && it.Raw != nil {
			sum := sha256.Sum256(it.Raw)
			it.Hash = sum
		}
	}
}

// Refused counts, logs and lists what a broker in this process refused by itself. It does not wait.
func (p *Pipeline) Refused(r Refusal) {
	p.rejects.add(r.Reason)
	tracker := r.Tracker
	if tracker != "" && !r.LoggedIn && !p.registry.Known(tracker) {
		tracker = ""
	}
	lines, entries := p.refusals.weigh(tracker, r.Reason, r.Raw != nil, p.cfg.Now())
	p.logRefusal(lines, r.Tracker, r.Topic, &r.Reject, "client", r.Client, "remote", r.Remote, "bytes", len(r.Raw))
	switch r.Reason {
	case telemetry.WillIgnored, telemetry.Busy: // the client is served, or comes again
		return
	}
	if tracker == "" {
		return
	}
	it := &message.Item{Topic: r.Topic, Raw: r.Raw, ReceivedMS: p.cfg.Now().UnixMilli(), Reject: &r.Reject, Tracker: tracker, Alike: entries}
	if r.Raw != nil {
		it.Hash = sha256.Sum256(r.Raw)
	}
	if r.LoggedIn { // who tries passwords does not make the tracker hear of it
		p.acker.notices.add(tracker, notice{"nack", r.Reason}, about(it))
	}
	if entries == 0 {
		return
	}
	select {
	case p.turned <- it:
	default: // so many at once: they are counted and logged
	}
}

// list puts what the broker refused into the quarantine.
func (p *Pipeline) list(ctx context.Context) error {
	for {
		select {
		case it := <-p.turned:
			items := []*message.Item{it}
			for len(items) < maxGroup && len(p.turned) > 0 {
				items = append(items, <-p.turned)
			}
			if _, ok := p.apply(ctx, items); !ok {
				return nil
			}
			p.refused.Wake()
		case <-ctx.Done():
			return nil
		}
	}
}

// about is what a notice says of the newest message that it is about.
func about(it *message.Item) told {
	t := told{Detail: it.Reject.Detail}
	if it.Raw != nil {
		t.Bytes, t.Hash = len(it.Raw), hex.EncodeToString(it.Hash[:])
	}
	return t
}
