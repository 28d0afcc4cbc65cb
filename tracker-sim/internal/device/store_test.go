package device_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
)

func openStore(t *testing.T, path string) *device.FileStore {
	t.Helper()
	store, err := device.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func signed(t *testing.T, n int) (messages []device.Message) {
	t.Helper()
	chain := device.Chain{Tracker: "t-1", Signer: newKey(t, telemetry.Ed25519), Next: telemetry.Position{Boot: 1}}
	for i := range n {
		m, err := chain.Sign(telemetry.Claims{Kind: telemetry.Data, TimeMS: 1}, reading(i))
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, m)
	}
	return messages
}

// holds checks that a store holds messages [from, to) and goes on after them.
func holds(t *testing.T, what string, store *device.FileStore, messages []device.Message, from, to int) {
	t.Helper()
	state, err := store.Load()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	same := func(a, b device.Message) bool { return a.Pos == b.Pos && a.Hash == b.Hash && bytes.Equal(a.Raw, b.Raw) }
	if !slices.EqualFunc(state.Queued, messages[from:to], same) {
		t.Fatalf("%s: %d messages are queued, want %d to %d", what, len(state.Queued), from, to)
	}
	if last := messages[to-1]; state.Next != (telemetry.Position{Boot: 1, Seq: last.Pos.Seq + 1}) || state.Prev != last.Hash {
		t.Fatalf("%s: the chain goes on at %v, want after %v", what, state.Next, last.Pos)
	}
}

// What a crash forgets of a trim is sent again; what was appended is there, and the losses with it.
func TestStoreTrims(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox")
	messages := signed(t, 600)
	store := openStore(t, path)
	copied := func() *device.FileStore { // what a crash now would leave
		t.Helper()
		now, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		crashed := filepath.Join(t.TempDir(), "outbox")
		if err := os.WriteFile(crashed, now, 0o600); err != nil {
			t.Fatal(err)
		}
		return openStore(t, crashed)
	}
	for _, m := range messages[:4] {
		if err := store.Append(m); err != nil {
			t.Fatal(err)
		}
	}
	lost := []device.Range{{Boot: 1, From: 0, To: 1}}
	if err := store.Trim(messages[:2], lost); err != nil {
		t.Fatal(err)
	}
	holds(t, "crash after a trim", copied(), messages, 0, 4)
	if err := store.Append(messages[4]); err != nil {
		t.Fatal(err)
	}
	crashed := copied()
	holds(t, "crash after the next append", crashed, messages, 2, 5)
	if state, _ := crashed.Load(); !slices.Equal(state.Lost, lost) {
		t.Errorf("lost %v, want %v", state.Lost, lost)
	}
	for _, m := range messages[5:] {
		if err := store.Append(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Trim(messages[2:590], nil); err != nil {
		t.Fatal(err)
	}
	holds(t, "crash after many were trimmed", copied(), messages, 590, 600)
	if err := store.Trim(messages[590:595], nil); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	holds(t, "closed", openStore(t, path), messages, 595, 600)
}

// A crash within a transaction leaves the state before it: its last write, the newer of two pages that name the state, is not
// whole.
func TestStoreSurvivesATornCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox")
	messages := signed(t, 6)
	for n := range messages {
		store := openStore(t, path)
		if err := store.Append(messages[n]); err != nil {
			t.Fatal(err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			continue
		}
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		torn := slices.Clone(whole)
		size, newer := os.Getpagesize(), 0
		txid := func(page int) uint64 { return binary.LittleEndian.Uint64(whole[page*size+16+48:]) }
		if txid(1) > txid(0) {
			newer = 1
		}
		clear(torn[newer*size+40 : (newer+1)*size])
		if err := os.WriteFile(path, torn, 0o600); err != nil {
			t.Fatal(err)
		}
		store = openStore(t, path)
		// OpenFile writes nothing that counts, so the state before is that of the append before.
		holds(t, fmt.Sprintf("append %d torn", n), store, messages, 0, n)
		if err := store.Append(messages[n]); err != nil {
			t.Fatal(err)
		}
		holds(t, fmt.Sprintf("append %d again", n), store, messages, 0, n+1)
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Damage is named, and nothing is cut off.
func TestStoreNamesDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox")
	messages := signed(t, 3)
	store := openStore(t, path)
	for _, m := range messages {
		if err := store.Append(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	load := func(data []byte) error {
		t.Helper()
		path := filepath.Join(t.TempDir(), "outbox")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		store, err := device.OpenFile(path)
		if err != nil {
			return err
		}
		defer store.Close()
		_, err = store.Load()
		return err
	}
	inMessage := slices.Clone(whole)
	for at := 0; ; {
		next := bytes.Index(inMessage[at:], []byte(`"Raw":"`)) // in every copy that the file has, also free ones
		if next < 0 {
			break
		}
		at += next + 60
		inMessage[at] ^= 4
	}
	for name, data := range map[string][]byte{"a message": inMessage, "not a store": bytes.Repeat([]byte("x"), len(whole)), "half a file": whole[:len(whole)/3]} {
		if err := load(data); !errors.Is(err, device.ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged", name, err)
		}
	}
	if err := load(whole); err != nil {
		t.Errorf("the whole file: %v", err)
	}
}

// A process that is killed while it appends: what it was told is stored is there.
func TestStoreOfAKilledProcess(t *testing.T) {
	if path := os.Getenv("TRACKSEAL_TEST_STORE"); path != "" {
		store := openStore(t, path)
		for _, m := range signed(t, 5000) {
			if err := store.Append(m); err != nil {
				t.Fatal(err)
			}
			fmt.Println("stored", m.Pos.Seq)
		}
		return
	}
	path := filepath.Join(t.TempDir(), "outbox")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestStoreOfAKilledProcess$")
	cmd.Env = append(os.Environ(), "TRACKSEAL_TEST_STORE="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stored := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var seq int
		if _, err := fmt.Sscanf(lines.Text(), "stored %d", &seq); err == nil {
			stored = seq + 1
		}
		if stored == 40 {
			_ = cmd.Process.Kill()
		}
	}
	_ = cmd.Wait()
	state, err := openStore(t, path).Load()
	if err != nil || stored < 40 || len(state.Queued) < stored || len(state.Queued) == 5000 {
		t.Errorf("%d of %d messages that were stored are there, %v", len(state.Queued), stored, err)
	}
	if last := state.Queued[len(state.Queued)-1]; state.Prev != last.Hash {
		t.Errorf("the chain does not go on after %v", last.Pos)
	}
}

func TestStoreFileStaysSmall(t *testing.T) {
	key := newKey(t, telemetry.Ed25519)
	s := newIngest(t, key)
	path := filepath.Join(t.TempDir(), "outbox")
	d, err := device.Open(device.Config{ID: "t-1", Signer: key, Deployment: "trackseal", Dial: s.dial, Store: openStore(t, path), Limit: 32})
	if err != nil {
		t.Fatal(err)
	}
	stop := start(t, d)
	if err := d.Boot(0); err != nil {
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
	if info, err := os.Stat(path); err != nil || info.Size() > 3<<20 {
		t.Errorf("file has %d bytes, %v", info.Size(), err)
	}
	state, err := openStore(t, path).Load()
	if err != nil || len(state.Queued) != 0 || state.Next != (telemetry.Position{Boot: 1, Seq: 251}) {
		t.Errorf("%d messages are queued and the chain goes on at %v, %v; want none, 1/251", len(state.Queued), state.Next, err)
	}
}
