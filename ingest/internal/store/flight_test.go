package store

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/testkit"
)

// gatedDatabase holds each write until the test lets it go with an answer. The largest stands first.
type gatedDatabase struct {
	mu      sync.Mutex
	waiting []gatedWrite
	points  int
}

type gatedWrite struct {
	size   int
	answer chan error
}

func (d *gatedDatabase) NewBatch() stored.Batch { return &gatedBatch{d: d} }

// gatedBatch keeps nothing but sizes.
type gatedBatch struct {
	stored.Batch
	d             *gatedDatabase
	points, bytes int
}

func (b *gatedBatch) Message(m *stored.Message) {
	b.points, b.bytes = b.points+1, b.bytes+100+len(m.Raw)
}
func (b *gatedBatch) Rejected(r *stored.Rejected, _ uint64) {
	b.points, b.bytes = b.points+1, b.bytes+100+len(r.Raw)
}
func (b *gatedBatch) Points() int { return b.points }
func (b *gatedBatch) Bytes() int  { return b.bytes }
func (b *gatedBatch) Reset()      { b.points, b.bytes = 0, 0 }

func (b *gatedBatch) Write(ctx context.Context) error {
	d, answer := b.d, make(chan error, 1)
	d.mu.Lock()
	d.waiting = append(d.waiting, gatedWrite{b.bytes, answer})
	slices.SortFunc(d.waiting, func(a, b gatedWrite) int { return b.size - a.size })
	d.points += b.points
	d.mu.Unlock()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *gatedDatabase) under() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.waiting)
}

// answer ends the i-th write that waits.
func (d *gatedDatabase) answer(i int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting[i].answer <- err
	d.waiting = append(d.waiting[:i:i], d.waiting[i+1:]...)
}

type writerSetup struct {
	db       *journal.DB
	database *gatedDatabase
	writer   *Writer
	mu       sync.Mutex
	observed []uint64 // leaves
}

// newWriter has batches of ten messages.
func newWriter(t *testing.T, queued int) *writerSetup {
	t.Helper()
	db, err := journal.Open(t.TempDir(), journal.Options{MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &writerSetup{db: db, database: &gatedDatabase{}}
	s.enqueue(t, queued)
	s.writer = New(Config{Database: s.database, DB: db, Log: slog.New(slog.DiscardHandler), MaxPoints: 10, Linger: time.Millisecond, OnStored: func(all []journal.Message) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, m := range all {
			s.observed = append(s.observed, m.Leaf)
		}
	}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.writer.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *writerSetup) enqueue(t *testing.T, n int) {
	t.Helper()
	b := s.db.Begin()
	first := s.db.QueueEnd()
	for i := range n {
		raw := make([]byte, 1000-10*i) // an earlier batch is larger
		m := journal.Message{Leaf: first + uint64(i), Tracker: "T-1", Shipment: "S-1", Raw: raw, Signed: true, Readings: journal.EncodeReadings(nil, 0)}
		b.Enqueue(journal.MessageRecord, m.Append)
	}
	if err := b.Commit("messages"); err != nil {
		t.Fatal(err)
	}
}

func (s *writerSetup) waitUnder(t *testing.T, n int) {
	t.Helper()
	testkit.WaitFor(t, 10*time.Second, fmt.Sprintf("%d writes", n), func() bool { return s.database.under() == n })
}

// Ensure that two batches are written at once, and that the queue's head passes none that InfluxDB does not have.
func TestFlightsEndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newWriter(t, 40)
		s.waitUnder(t, maxFlights)
		s.database.answer(1, nil) // the second one first
		time.Sleep(time.Second)   // of the bubble's clock: whatever could start by then has
		synctest.Wait()
		if head := s.db.QueueHead(); head != 0 || s.writer.Stored() != 0 {
			t.Fatalf("while the first batch is under way: got head %d and %d stored, want 0 and 0", head, s.writer.Stored())
		}
		s.database.answer(0, nil)
		testkit.WaitFor(t, 10*time.Second, "both are settled", func() bool { return s.db.QueueHead() == 20 })
		for range 2 {
			testkit.WaitFor(t, 10*time.Second, "a write", func() bool { return s.database.under() > 0 })
			s.database.answer(0, nil)
		}
		testkit.WaitFor(t, 10*time.Second, "all is stored", func() bool { return s.writer.Stored() == 40 })
		s.mu.Lock()
		defer s.mu.Unlock()
		for i, leaf := range s.observed {
			if leaf != uint64(i) {
				t.Fatalf("observed %v", s.observed)
			}
		}
		if m := s.db.Metrics(); m.QueueBytes != 0 || m.Queue != 0 {
			t.Fatalf("left in the queue: %+v", m)
		}
	})
}

// Ensure that a batch that is not stored is written again with the one behind it, which may have been stored.
func TestFailedFlightTakesTheNextBack(t *testing.T) {
	s := newWriter(t, 20)
	s.waitUnder(t, 2)
	s.database.answer(1, nil)
	s.database.answer(0, fmt.Errorf("%w: test", stored.ErrUnavailable))
	testkit.WaitFor(t, 10*time.Second, "it says so", func() bool { return s.writer.Ready(t.Context()) != nil })
	s.waitUnder(t, 2)
	if head := s.db.QueueHead(); head != 0 {
		t.Fatalf("head %d", head)
	}
	s.database.answer(0, nil)
	s.database.answer(0, nil)
	testkit.WaitFor(t, 10*time.Second, "all is stored", func() bool { return s.writer.Stored() == 20 && s.db.QueueHead() == 20 })
	testkit.WaitFor(t, 10*time.Second, "it says so", func() bool { return s.writer.Ready(t.Context()) == nil })
	if len(s.observed) != 20 || s.database.points != 40 {
		t.Fatalf("%d observed, %d points written", len(s.observed), s.database.points)
	}
}

// Ensure that a refused record goes aside while the other batch is under way, and the rest is stored.
func TestRefusedRecordBesideAnotherFlight(t *testing.T) {
	s := newWriter(t, 20)
	s.waitUnder(t, 2)
	// The first batch is refused, then its halves, down to the single record and its place in the quarantine.
	refused := &stored.RejectedError{Detail: "test"}
	s.database.answer(0, refused)
	for s.writer.Refused() == 0 {
		testkit.WaitFor(t, 10*time.Second, "a part is written", func() bool { return s.database.under() == 2 || s.writer.Refused() > 0 })
		if s.database.under() == 2 {
			s.database.answer(1, refused) // its parts are smaller than the other batch
		}
	}
	testkit.WaitFor(t, 10*time.Second, "the rest is stored", func() bool {
		if s.database.under() > 0 {
			s.database.answer(0, nil)
		}
		return s.writer.Stored() >= 20
	})
	if s.writer.Stored() != 20 || s.writer.Refused() != 1 || s.db.QueueHead() != 20 {
		t.Fatalf("got %d stored, %d refused, head %d, want 20, 1 and 20", s.writer.Stored(), s.writer.Refused(), s.db.QueueHead())
	}
}

// Ensure that a few records leave in one batch, not in two at once.
func TestSmallBatchFliesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newWriter(t, 3)
		s.waitUnder(t, 1)
		s.enqueue(t, 2)
		s.writer.Wake()
		time.Sleep(time.Second) // of the bubble's clock: whatever could start by then has
		synctest.Wait()
		if n := s.database.under(); n != 1 {
			t.Fatalf("got %d writes under way, want 1", n)
		}
		s.database.answer(0, nil)
		s.waitUnder(t, 1)
		s.database.answer(0, nil)
		testkit.WaitFor(t, 10*time.Second, "all is stored", func() bool { return s.writer.Stored() == 5 })
	})
}
