package broker

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/trackseal/trackseal/internal/testkit"
)

// pipeClient is a client of a connection without any buffer; other is its other end.
func pipeClient(t *testing.T) (cl *mochi.Client, other net.Conn) {
	t.Helper()
	s := mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})
	ours, other := net.Pipe()
	cl = s.NewClient(ours, "test", "T-1", false)
	t.Cleanup(func() { cl.Stop(nil); other.Close() })
	return cl, other
}

func TestPubacksKeepOrder(t *testing.T) {
	cl, other := pipeClient(t)
	in := newInlet(nil)
	q := &pubacks{inlet: in, client: cl}
	const n = 3000
	go func() {
		for id := range uint16(n) {
			q.add(packets.Puback, id, nil)
		}
	}()
	got := make([]byte, 4*n)
	if _, err := io.ReadFull(other, got); err != nil {
		t.Fatal(err)
	}
	for id := range n {
		if want := []byte{0x40, 2, byte(id >> 8), byte(id)}; !bytes.Equal(got[4*id:4*id+4], want) {
			t.Fatalf("PUBACK %d is %x", id, got[4*id:4*id+4])
		}
	}
	in.finish()
}

// Ensure that a client that does not read is dropped, and that acknowledging to it never waits.
func TestPubacksToWhoDoesNotRead(t *testing.T) {
	cl, _ := pipeClient(t)
	in := newInlet(nil)
	q := &pubacks{inlet: in, client: cl}
	added := make(chan struct{})
	go func() {
		defer close(added)
		for id := range uint16(3 * maxUnread / 4) { // what is being written does not count
			q.add(packets.Puback, id, nil)
		}
	}()
	select {
	case <-added:
	case <-time.After(10 * time.Second):
		t.Fatal("acknowledging waits for the client")
	}
	testkit.WaitFor(t, 10*time.Second, "the client is stopped", cl.Closed)
	in.finish() // the writer ends with the connection
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.out) > maxUnread+4 {
		t.Errorf("%d bytes are kept", len(q.out))
	}
}

// Ensure that nothing is written, and nobody waits, after the end.
func TestPubacksAfterTheEnd(t *testing.T) {
	cl, _ := pipeClient(t)
	in := newInlet(nil)
	in.end()
	in.finish()
	(&pubacks{inlet: in, client: cl}).add(packets.Puback, 1, nil)
	if err := in.room.Acquire(context.Background(), inletRoom); err != nil {
		t.Fatal(err)
	}
	if err := in.wait(newGate(Config{Patience: time.Minute}, nil), 1); err == nil {
		t.Error("room after the end")
	}
}
