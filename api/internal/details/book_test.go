package details_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trackseal/trackseal/api/internal/details"
	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/state"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/testkit"
)

// shelf is another member's node.
type shelf struct {
	mu    sync.Mutex
	raw   map[string][]byte // by hash
	err   error
	asked int
}

func (n *shelf) Details(_ context.Context, _, hash string) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	if n.err != nil {
		return nil, n.err
	}
	if raw := n.raw[hash]; raw != nil {
		return raw, nil
	}
	return nil, details.ErrNone
}

func (n *shelf) set(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.err = err
}

func (n *shelf) questions() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked
}

// world is the shipper's book over a ledger with one shipment of the carrier's.
type world struct {
	*details.Book
	hash                        string
	carrier, consignee, auditor *shelf
	ahead                       atomic.Int64 // of the clock
	disk                        *state.Store
}

func newWorld(t *testing.T) *world {
	t.Helper()
	chain := testkit.NewLedger("CarrierMSP", nil)
	rules, _ := compliance.Lookup("general-2-8@1")
	raw, hash, err := ledger.Details{Description: "vaccines", Origin: "Basel"}.Seal([ledger.SaltSize]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	args := ledger.CreateArgs{ID: "carrier.S-1", Parties: ledger.Parties{"carrier": {"CarrierMSP"}, "consignee": {"ConsigneeMSP"}, "shipper": {"ShipperMSP"}},
		RuleSet: "general-2-8@1", RuleSetHash: rules.Hash(), Details: hash}
	if _, _, err := ledger.ShipmentCreate.Do(t.Context(), chain, args); err != nil {
		t.Fatal(err)
	}
	w := &world{hash: hash, carrier: &shelf{raw: map[string][]byte{hash: raw}}, consignee: &shelf{raw: map[string][]byte{}}, auditor: &shelf{raw: map[string][]byte{hash: raw}}}
	if w.disk, err = state.Open(filepath.Join(t.TempDir(), "state")); err != nil {
		t.Fatal(err)
	}
	names := members.New(chain, slog.New(slog.DiscardHandler))
	if err := names.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Book = details.New(details.Config{MSP: "ShipperMSP", Kept: w.disk.Tenant("details"), Members: names, Ledger: chain.As("ShipperMSP"), Log: slog.New(slog.DiscardHandler),
		Nodes: func(member string) details.Node {
			return map[string]details.Node{"carrier": w.carrier, "consignee": w.consignee, "auditor": w.auditor}[member]
		}, Now: func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }})
	t.Cleanup(func() {
		if err := w.disk.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// later moves the clock on.
func (w *world) later(d time.Duration) { w.ahead.Add(int64(d)) }

func (w *world) read(t *testing.T, want bool) {
	t.Helper()
	if d, ok := w.Read(t.Context(), "carrier.S-1", "CarrierMSP", w.hash); ok != want || ok && d.Origin != "Basel" {
		t.Fatalf("expected %t, got %t, %+v", want, ok, d)
	}
}

// A node that does not answer is left alone for a while; what it then gives stays.
func TestANodeThatDoesNotAnswerRests(t *testing.T) {
	w := newWorld(t)
	w.carrier.set(errors.New("nobody listens"))
	for range 50 {
		w.read(t, false)
	}
	if n := w.carrier.questions() + w.consignee.questions(); n != 2 {
		t.Errorf("expected one question to each party's node, came %d", n)
	}
	if w.auditor.questions() != 0 {
		t.Error("a member that is no party was asked")
	}
	w.carrier.set(nil)
	w.read(t, false)
	w.later(16 * time.Second)
	w.read(t, true)
	w.carrier.set(errors.New("gone for good"))
	w.later(time.Hour)
	w.read(t, true)
}

// What another node gives is believed only with the hash that the ledger has.
func TestOtherDetailsAreNotTaken(t *testing.T) {
	w := newWorld(t)
	other, _, err := ledger.Details{Description: "cars", Origin: "Bergen"}.Seal([ledger.SaltSize]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	good := w.carrier.raw[w.hash]
	for _, raw := range [][]byte{other, {}, []byte("{}"), good[:len(good)-1], append(good[:len(good):len(good)], ' ')} {
		w.carrier.raw[w.hash] = raw
		w.read(t, false)
		w.later(time.Minute)
	}
	w.consignee.raw[w.hash] = good // another party has them
	w.read(t, true)
	// Damaged on disk: asked for again.
	if err := w.disk.Tenant("details").Set([]byte("carrier.S-1/"+w.hash), other); err != nil {
		t.Fatal(err)
	}
	w.read(t, true)
}

// What is written is fetched in the background, at once or when its keeper answers again.
func TestDetailsAreFollowed(t *testing.T) {
	w := newWorld(t)
	w.carrier.set(errors.New("nobody listens"))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	wait := func(what string, ready func() bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !ready(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: not within 20 s", what)
			}
		}
	}
	wait("the first sweep", func() bool { return w.carrier.questions() > 0 })
	w.carrier.set(nil)
	w.later(time.Minute)
	w.Written("carrier.S-1")
	wait("details of a shipment that was written about", func() bool {
		raw, err := w.Raw("carrier.S-1", w.hash)
		return err == nil && raw != nil
	})
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
