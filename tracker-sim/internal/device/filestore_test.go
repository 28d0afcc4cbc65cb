package device_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
)

// fill writes n messages into a new store and closes it. ends are the file's sizes after each, whole its bytes.
func fill(t *testing.T, path string, n int) (messages []device.Message, ends []int64, whole []byte) {
	t.Helper()
	store, err := device.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Load(); err != nil {
		t.Fatal(err)
	}
	chain := device.Chain{Tracker: "t-1", Signer: newKey(t, telemetry.Ed25519), Next: telemetry.Position{Boot: 1}}
	for i := range n {
		m, err := chain.Sign(telemetry.Claims{Kind: telemetry.Data, TimeMS: 1}, reading(i))
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Append(m); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		messages, ends = append(messages, m), append(ends, info.Size())
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if whole, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return messages, ends, whole
}

// A crash cuts the store's file anywhere. What is read back is a prefix of what was written, and never a position that was
// already used for another message.
func TestStoreSurvivesACutFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox")
	messages, ends, whole := fill(t, path, 6)
	for cut := int64(0); cut <= int64(len(whole)); cut += 7 {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		want := 0
		for want < len(ends) && ends[want] <= cut {
			want++
		}
		store, err := device.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		state, err := store.Load()
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if len(state.Queued) != want {
			t.Fatalf("cut at %d: %d messages, want %d", cut, len(state.Queued), want)
		}
		if want > 0 && (state.Prev != messages[want-1].Hash || state.Next.Seq != uint64(want)) {
			t.Fatalf("cut at %d: chain goes on at %v", cut, state.Next)
		}
		if err := store.Append(messages[0]); err != nil { // the file takes more after the cut
			t.Fatal(err)
		}
		if again, err := store.Load(); err != nil || len(again.Queued) != want+1 {
			t.Fatalf("cut at %d: after one more, %d messages, %v", cut, len(again.Queued), err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A machine that lost its power may leave zeros at the end. Damage elsewhere is no crash's: it is named, nothing is cut off.
func TestStoreTellsACrashFromDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox")
	_, _, whole := fill(t, path, 3)
	load := func(data []byte) (device.State, error) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		store, err := device.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		return store.Load()
	}
	for zeros := range 30 {
		if state, err := load(append(slices.Clone(whole), make([]byte, zeros)...)); err != nil || len(state.Queued) != 3 {
			t.Errorf("%d zeros: %d messages, %v", zeros, len(state.Queued), err)
		}
	}
	spoilt := slices.Clone(whole)
	spoilt[len(whole)/2] ^= 1
	if _, err := load(spoilt); !errors.Is(err, device.ErrDamaged) {
		t.Errorf("damage in the middle: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, spoilt) {
		t.Errorf("the file was changed: %v", err)
	}
	spoilt = slices.Clone(whole)
	spoilt[len(whole)-1] ^= 1 // the last record: a crash may have done that
	if state, err := load(spoilt); err != nil || len(state.Queued) != 2 {
		t.Errorf("damage at the end: %d messages, %v", len(state.Queued), err)
	}
}

func TestStoreFileStaysSmall(t *testing.T) {
	key := newKey(t, telemetry.Ed25519)
	s := arena(t, key)
	path := filepath.Join(t.TempDir(), "outbox")
	store, err := device.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := device.Open(device.Config{ID: "t-1", Signer: key, Deployment: "trackseal", Dial: s.Dial, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	stop := start(t, d)
	if err := d.Boot(); err != nil {
		t.Fatal(err)
	}
	many := make([]telemetry.Reading, 250)
	for i := range many {
		many[i] = reading(i)[0]
	}
	for range 250 {
		ctx, cancel := context.WithTimeout(context.Background(), bound)
		if err := d.Room(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := d.Record(many); err != nil {
			t.Fatal(err)
		}
	}
	drained(t, d)
	stop()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() > 3<<20 {
		t.Errorf("file has %d bytes, %v", info.Size(), err)
	}
	store, err = device.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	state, err := store.Load()
	if err != nil || len(state.Queued) != 0 || state.Next != (telemetry.Position{Boot: 1, Seq: 251}) {
		t.Errorf("state %v %d, %v", state.Next, len(state.Queued), err)
	}
}
