package recover_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/recover"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/copying"
	"github.com/trackseal/trackseal/internal/stored/transfer"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// NewBatch writes into the store; what is no message or head is nobody's business here. It fails once writes are used up.
func (s *store) NewBatch() stored.Batch { return &batch{of: s} }

type batch struct {
	stored.Batch
	of   *store
	puts []func()
}

func (b *batch) Message(m *stored.Message) {
	one := *m
	one.PointNS = stored.PointNS(m.ReceivedMS, m.Leaf)
	b.puts = append(b.puts, func() {
		b.of.messages = slices.DeleteFunc(b.of.messages, func(o stored.Message) bool { return o.Log == one.Log && o.PointNS == one.PointNS })
		b.of.messages = append(b.of.messages, one)
	})
}

func (b *batch) Reading(string, string, uint64, int64, int, func(int) (string, float64)) {}

func (b *batch) Head(h *stored.Head) {
	one := *h
	b.puts = append(b.puts, func() {
		b.of.heads = slices.DeleteFunc(b.of.heads, func(o stored.Head) bool { return o.Heads == one.Heads && o.Index == one.Index })
		b.of.heads = append(b.of.heads, one)
	})
}

func (b *batch) Points() int { return len(b.puts) }
func (b *batch) Bytes() int  { return 0 }
func (b *batch) Reset()      { b.puts = nil }
func (b *batch) Write(context.Context) error {
	if b.of.mortal {
		if b.of.left--; b.of.left < 0 {
			return stored.ErrUnavailable
		}
	}
	for _, put := range b.puts {
		put()
	}
	return nil
}

// party is another member's node, as honest as a test leaves it.
type party struct {
	store *store
	lie   func(*transfer.Messages)
	fail  error
}

func (p *party) Name() string { return "shipper" }

func (p *party) LogHeads(ctx context.Context, of copying.Ref, from uint64) (transfer.Heads, error) {
	heads, err := p.store.Heads(ctx, of.Log)
	heads = slices.DeleteFunc(heads, func(h stored.Head) bool { return h.Heads != of.Heads })
	slices.SortFunc(heads, func(a, b stored.Head) int { return int(a.Index) - int(b.Index) })
	if p.fail != nil || len(heads) == 0 {
		return transfer.Heads{}, errors.Join(p.fail, transfer.ErrNone)
	}
	return transfer.PageOfHeads(heads, from, heads[len(heads)-1].Index+1, func(*stored.Head) bool { return true }), err
}

func (p *party) Messages(ctx context.Context, of copying.Ref, from, to uint64, entries bool) (transfer.Messages, error) {
	page, err := transfer.PageOfMessages(ctx, noQuality{p.store}, of.Log, from, to, entries)
	if p.lie != nil && !entries {
		p.lie(&page)
	}
	return page, err
}

type noQuality struct{ *store }

func (noQuality) QualityHours(context.Context, string, int64, int64, func(stored.QualityHour) error) error {
	return nil
}
func (noQuality) QualityFlags(context.Context, []string, int64, int64, func(stored.QualityFlag) error) error {
	return nil
}

// gone is an operator whose journal and InfluxDB are gone after a day's work in two lives, and the party that has a copy.
func gone(t tb, dir string) (w *world, of *party, logs map[string]string) {
	l := testkit.NewLedger("CarrierMSP", nil)
	w = &world{t: t, ledger: l, dir: dir, now: time.Now().UnixMilli(), tx: map[string]string{}}
	seed := [32]byte{7}
	d := &sender{id: "carrier.T-1", key: keyOf(seed)}
	public, err := telemetry.Public(d.key)
	check(t, err)
	text := hex.EncodeToString(public.Raw)
	proof, err := telemetry.Sign(d.key, ledger.PossessionBytes(d.id, l.MSP(), int(telemetry.Ed25519), text))
	check(t, err)
	tr, _, err := ledger.TrackerEnrol.Do(context.Background(), l, ledger.EnrolArgs{ID: d.id, Alg: int(telemetry.Ed25519), Public: text, Proof: hex.EncodeToString(proof)})
	check(t, err)
	w.tx[d.id] = tr.EnrolTx
	w.trackers = []*sender{d}
	w.open()
	for range 3 {
		w.send(d)
		w.send(d)
		w.anchor(true)
	}
	w.drain(1<<20, 0)
	// A first loss, of the journal alone: what comes then is of the second life.
	w.close()
	check(t, os.RemoveAll(filepath.Join(dir, "journal")))
	_, err = recover.Run(context.Background(), w.config(nil))
	check(t, err)
	w.open()
	w.send(d)
	w.send(d)
	w.anchor(true)
	w.drain(1<<20, 0)
	w.close()
	of = &party{store: &store{messages: slices.Clone(w.store.messages), heads: slices.Clone(w.store.heads)}}
	check(t, os.RemoveAll(filepath.Join(dir, "journal")))
	w.store = store{}
	logs = map[string]string{}
	for _, life := range []string{instance, w.life} {
		logs[life] = copying.RefOf(ledger.Channel, copying.Subject{Kind: anchor.Tracker, ID: d.id, OpenTx: tr.EnrolTx}, life, life).Log
	}
	return w, of, logs
}

func (w *world) config(fill *recover.Fill) recover.Config {
	return recover.Config{ID: instance, Org: "carrier", Dir: w.dir, Ledger: peered{w.ledger}, Store: &w.store, Fill: fill, Log: slog.New(slog.DiscardHandler), Now: time.Now, Journal: journal.Options{MinFree: 1}}
}

// whole fails unless the operator's store has all that the party has.
func (w *world) whole(of *party) {
	w.t.Helper()
	order := func(all []stored.Message) []stored.Message {
		all = slices.Clone(all)
		slices.SortFunc(all, func(a, b stored.Message) int {
			return bytes.Compare([]byte(a.Log+string(a.Entry)), []byte(b.Log+string(b.Entry)))
		})
		return all
	}
	ours, theirs := order(w.store.messages), order(of.store.messages)
	if len(ours) != len(theirs) || len(w.store.heads) != len(of.store.heads) {
		w.t.Fatalf("%d messages and %d heads came back, of %d and %d", len(ours), len(w.store.heads), len(theirs), len(of.store.heads))
	}
	for i := range ours {
		if ours[i].Log != theirs[i].Log || ours[i].Leaf != theirs[i].Leaf || !bytes.Equal(ours[i].Entry, theirs[i].Entry) || !bytes.Equal(ours[i].Raw, theirs[i].Raw) {
			w.t.Fatalf("message %d came back otherwise: %+v, was %+v", i, ours[i], theirs[i])
		}
	}
}

// An operator that lost journal and InfluxDB is made again from a party's copy; killed after any write or step, the next run ends the same.
func TestFillKilledAnywhere(t *testing.T) {
	for kill := 0; ; kill++ {
		dir, err := os.MkdirTemp("", "")
		check(t, err)
		w, of, logs := gone(t, dir)
		fill := &recover.Fill{From: []copying.From{of}, Ledger: w.ledger, Store: &w.store}
		cfg := w.config(fill)
		w.store.mortal, w.store.left = true, kill
		steps := kill
		cfg.Step = func(string) error {
			if steps--; steps < 0 {
				return errors.New("killed")
			}
			return nil
		}
		_, died := recover.Run(context.Background(), cfg)
		w.store.mortal = false
		a, err := recover.Run(context.Background(), w.config(fill))
		check(t, err)
		w.whole(of)
		if len(a.Filled.Wrong)+len(a.Filled.Silent) > 0 {
			t.Fatalf("killed at %d: %+v", kill, a.Filled)
		}
		w.open()
		if _, life := ledger.LifeOf(w.life); life != 3 {
			t.Fatalf("killed at %d: it goes on as %s, want its third life", kill, w.life)
		}
		w.send(w.trackers[0])
		w.anchor(true)
		w.drain(1<<20, 0)
		seen := map[string]bool{}
		for _, m := range w.store.messages {
			leaf, err := telemetry.DecodeLeaf(m.Entry)
			check(t, err)
			if seen[string(leaf.Hash[:])] {
				t.Fatalf("killed at %d: a message is there twice", kill)
			}
			seen[string(leaf.Hash[:])] = true
		}
		if len(seen) != 9 || logs[instance] == "" {
			t.Fatalf("killed at %d: %d messages, sent were 9", kill, len(seen))
		}
		w.close()
		w.ledger.Close()
		check(t, os.RemoveAll(dir))
		if died == nil {
			if kill < 4 {
				t.Fatalf("only %d places to be killed at", kill)
			}
			return
		}
	}
}

// What a party gives otherwise is not written, and named; another one has it.
func TestFillFromALiar(t *testing.T) {
	dir, err := os.MkdirTemp("", "")
	check(t, err)
	defer os.RemoveAll(dir)
	w, of, _ := gone(t, dir)
	liar := &party{store: of.store, lie: func(page *transfer.Messages) {
		for i := range page.Items {
			page.Items[i].Raw = append(slices.Clone(page.Items[i].Raw), 1)
		}
	}}
	away := &party{store: of.store, fail: errors.New("no route")}
	a, err := recover.Run(context.Background(), w.config(&recover.Fill{From: []copying.From{away, liar}, Ledger: w.ledger, Store: &w.store}))
	check(t, err)
	if len(w.store.messages) != 0 || len(a.Filled.Wrong) == 0 || a.Filled.Wrong[0].By != "shipper" || a.Filled.Wrong[0].What != copying.Differs {
		t.Fatalf("%d messages of a liar's, %+v", len(w.store.messages), a.Filled)
	}
	check(t, os.RemoveAll(filepath.Join(dir, "journal")))
	a, err = recover.Run(context.Background(), w.config(&recover.Fill{From: []copying.From{liar, of}, Ledger: w.ledger, Store: &w.store}))
	check(t, err)
	w.whole(of)
	if a.Filled.Logs != 2 || a.Filled.Leaves != 8 {
		t.Fatalf("%+v, want 8 leaves of 2 logs", a.Filled)
	}
	w.ledger.Close()
}
