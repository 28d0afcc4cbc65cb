package chaos

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"iter"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/account"
	"github.com/trackseal/trackseal/internal/client"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// defaultSeed of a run without TRACKSEAL_CHAOS_SEED: the same change meets the same faults. `make chaos` draws one.
const defaultSeed = 1

func onStack(t *testing.T, load Load) *Run {
	t.Helper()
	dir, network := os.Getenv("TRACKSEAL_STACK"), os.Getenv("TRACKSEAL_NETWORK")
	if dir == "" || network == "" {
		t.Skip("breaks a running stack: TRACKSEAL_STACK and TRACKSEAL_NETWORK are not set")
	}
	seed := uint64(defaultSeed)
	if text := os.Getenv("TRACKSEAL_CHAOS_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("TRACKSEAL_CHAOS_SEED: %v", err)
		}
	}
	t.Logf("again: TRACKSEAL_CHAOS_SEED=%d TRACKSEAL_STACK=%s TRACKSEAL_NETWORK=%s go test -count 1 -v -run '^%s$' ./internal/chaos", seed, dir, network, t.Name())
	s, err := Open(t.Context(), dir, network)
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewRun(s, seed, load, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Errorf("the stack is not as it was: %v", err)
		}
	})
	return r
}

// TestChaos breaks one thing after the other while trackers send, and then accounts for every message in four places. It judges no
// time but a hopeless one: the machine is shared.
func TestChaos(t *testing.T) {
	r := onStack(t, Load{Trackers: 6, Rate: 30, For: 40 * time.Second})
	result := r.Play(t.Context(), Mix)
	if result.Err != nil {
		t.Errorf("not judged: %v", result.Err)
	}
	for _, f := range result.Findings {
		t.Error(f)
	}
	if !result.OK() || result.Sent == 0 {
		t.Errorf("%d sent, %d acknowledged: %d lost, %d doubled, %d phantom, %d late; want none", result.Sent, result.Acked, result.Lost, result.Doubled, result.Phantom, result.Late)
	}
	t.Logf("%d faults, %d messages; anchored again after %s (median / 99th percentile)", len(result.Injected), result.Sent, spread(result, anchored))
}

// TestChaosCheckerBites takes what a real stack holds of one load, and then drops, doubles or alters one message of it, in the store, in
// the log or in the oracle: each must turn the account red. What the stack really holds is green.
func TestChaosCheckerBites(t *testing.T) {
	r := onStack(t, Load{Trackers: 3, Rate: 20, For: 5 * time.Second})
	w, err := r.stack.send(t.Context(), r.Load, r.stack.file.MQTT, r.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if _, err := w.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, v := range r.stack.views(t.Context(), w.journal.Header.Shipments) {
		report, err := v.compare(t.Context(), w.journal.Book, 2*time.Minute)
		if err != nil || !report.OK() || report.Anchored != 103 {
			t.Fatalf("%s: %+v, %v; want 103 messages and nothing wrong", v.Name, report, err)
		}
		held := collect(t, v)
		for name, spoil := range spoilers {
			if got, err := (View{v.Name, shown(spoil(slices.Clone(held)))}).compare(t.Context(), w.journal.Book, 0); err != nil || got.OK() {
				t.Errorf("%s: one message %s: %+v, %v; want it to be red", v.Name, name, got, err)
			}
		}
		for name, book := range map[string]*account.Book{"dropped": without(w.journal.Book), "added": with(w.journal.Book), "altered": with(without(w.journal.Book))} {
			if got, err := (View{v.Name, shown(held)}).compare(t.Context(), book, 0); err != nil || got.OK() {
				t.Errorf("%s: one message of the oracle %s: %+v, %v; want it to be red", v.Name, name, got, err)
			}
		}
	}
}

func collect(t *testing.T, v View) []client.Message {
	t.Helper()
	var all []client.Message
	for m, err := range v.Shown {
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		all = append(all, m)
	}
	return all
}

func shown(all []client.Message) iter.Seq2[client.Message, error] {
	return func(yield func(client.Message, error) bool) {
		for _, m := range all {
			if !yield(m, nil) {
				return
			}
		}
	}
}

// spoilers change one of the messages that a place holds.
var spoilers = map[string]func([]client.Message) []client.Message{
	"dropped": func(all []client.Message) []client.Message { return append(all[:40], all[41:]...) },
	"dropped at the end": func(all []client.Message) []client.Message {
		last := 0
		for i, m := range all {
			if m.Log == all[0].Log && m.Leaf > all[last].Leaf {
				last = i
			}
		}
		return slices.Delete(all, last, last+1)
	},
	"doubled": func(all []client.Message) []client.Message { return append(all, all[40]) },
	"doubled at another leaf": func(all []client.Message) []client.Message {
		again := all[40]
		again.Leaf = 0
		for _, m := range all {
			if m.Log == again.Log {
				again.Leaf = max(again.Leaf, m.Leaf+1)
			}
		}
		return append(all, again)
	},
	"altered": func(all []client.Message) []client.Message {
		other := []byte(all[40].Hash)
		other[0] ^= 1
		all[40].Hash = string(other)
		return all
	},
	"at another place":    func(all []client.Message) []client.Message { all[40].Seq++; return all },
	"of another tracker":  func(all []client.Message) []client.Message { all[40].Tracker += "x"; return all },
	"in place of another": func(all []client.Message) []client.Message { all[40].Hash = all[41].Hash; return all },
	"without a leaf":      func(all []client.Message) []client.Message { all[40].Status = "stored"; return all },
}

// ordered are an oracle's messages, so that the same one is taken each time.
func ordered(b *account.Book) []account.Message {
	return slices.SortedFunc(b.Messages(), func(x, y account.Message) int {
		return cmp.Or(cmp.Compare(x.Tracker, y.Tracker), cmp.Compare(x.Boot, y.Boot), cmp.Compare(x.Seq, y.Seq))
	})
}

// without one message.
func without(b *account.Book) *account.Book {
	out := account.NewBook()
	for i, m := range ordered(b) {
		if i != 20 {
			out.Acked(m.Tracker, m.Position, m.Hash)
		}
	}
	return out
}

// with one more, that nobody has.
func with(b *account.Book) *account.Book {
	out := account.NewBook()
	for _, m := range ordered(b) {
		out.Acked(m.Tracker, m.Position, m.Hash)
	}
	last := ordered(b)[0]
	out.Acked(last.Tracker, telemetry.Position{Boot: last.Boot, Seq: 1 << 20}, telemetry.Hash{1})
	return out
}

// What InfluxDB holds of a message is read from its bytes: other bytes, or another leaf beside them, are another message.
func TestPointIsWhatItsBytesSay(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(temperature float64) ([]byte, telemetry.Hash) {
		raw, err := telemetry.Encode(key, telemetry.Claims{Tracker: "carrier.t", Boot: 3, Seq: 4, TimeMS: 1e12}, []telemetry.Reading{{TimeMS: 1e12, Values: map[string]float64{"temperature": temperature}}})
		if err != nil {
			t.Fatal(err)
		}
		m, err := telemetry.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		return raw, m.COSEHash
	}
	raw, hash := encode(4)
	edited, _ := encode(5)
	entry := telemetry.Leaf{Kind: telemetry.LeafSigned, Hash: hash, ReceivedMS: 1e12, Ingest: "carrier.ingest-1"}.Encode()
	row := func(raw, entry []byte) map[string]any {
		return map[string]any{"leaf": float64(7), "raw": base64.StdEncoding.EncodeToString(raw), "entry": base64.StdEncoding.EncodeToString(entry)}
	}
	want := client.Message{Tracker: "carrier.t", Boot: 3, Seq: 4, Log: "l", Leaf: 7, Hash: hex.EncodeToString(hash[:]), Status: "anchored"}
	got := point(row(raw, entry), "l", 8)
	if got.Tracker != want.Tracker || got.Boot != 3 || got.Seq != 4 || got.Leaf != 7 || got.Hash != want.Hash || got.Status != want.Status {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := point(row(raw, entry), "l", 7); got.Status != "logged" {
		t.Errorf("above the head it is %s, want logged", got.Status)
	}
	book := account.NewBook()
	book.Acked(want.Tracker, telemetry.Position{Boot: 3, Seq: 4}, hash)
	otherLeaf := telemetry.Leaf{Kind: telemetry.LeafSigned, Hash: telemetry.Hash{9}, ReceivedMS: 1e12, Ingest: "carrier.ingest-1"}.Encode()
	flipped := slices.Clone(raw)
	flipped[len(flipped)-1] ^= 1 // in the readings
	for name, r := range map[string]map[string]any{
		"bytes": row(edited, entry), "one bit": row(flipped, entry), "leaf": row(raw, otherLeaf), "no leaf": row(raw, nil), "no bytes": row(nil, entry),
	} {
		check := book.Check(false)
		check.Message(point(r, "l", 8))
		if report := check.Report(); report.Phantom != 1 || report.Lost != 1 {
			t.Errorf("%s changed: %+v; want a phantom, and one lost", name, report)
		}
	}
}
