package idempotency

import (
	"crypto/sha256"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trackseal/trackseal/api/internal/state"
)

// Pebble leaves its disk watcher behind when a folder is locked.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/cockroachdb/pebble/v2/vfs.(*diskHealthCheckingFS).startTickerLocked.func1"))
}

type clock struct{ ms atomic.Int64 }

func (c *clock) now() time.Time { return time.UnixMilli(c.ms.Load()) }

// open is the store of a process that starts on dir, until closed or the test ends.
func open(t *testing.T, dir string, c *clock) (s *Store, closed func()) {
	t.Helper()
	disk, err := state.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	closed = sync.OnceFunc(func() { ok(t, disk.Close()) })
	t.Cleanup(closed)
	return New(disk.Tenant("idempotency"), c.now, slog.New(slog.DiscardHandler)), closed
}

func req(key, body string) Request {
	return Request{Who: "c", Key: key, Fingerprint: sha256.Sum256([]byte(body))}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestStates(t *testing.T) {
	c := new(clock)
	dir := t.TempDir()
	s, closed := open(t, dir, c)
	begin := func(r Request) (*Answer, *Attempt, error) { return s.Begin(r) }

	_, a, err := begin(req("k", "body"))
	ok(t, err)
	if a.Again {
		t.Fatal("the first attempt is not a repeat")
	}
	if _, _, err := begin(req("k", "body")); !errors.Is(err, ErrInProgress) {
		t.Fatal(err)
	}
	if _, _, err := begin(req("k", "other")); !errors.Is(err, ErrReused) {
		t.Fatal(err)
	}
	if _, b, err := begin(Request{Who: "other", Key: "k", Fingerprint: sha256.Sum256([]byte("other"))}); err != nil || b.Again {
		t.Fatalf("another client's key is another key: %v", err)
	}
	ok(t, a.Done(&Answer{Status: 201, Body: []byte("made")}))
	got, _, err := begin(req("k", "body"))
	ok(t, err)
	if got == nil || got.Status != 201 || string(got.Body) != "made" {
		t.Fatalf("got %+v, want the answer 201 made", got)
	}

	// Refused: as if it had never been.
	_, a, err = begin(req("refused", "x"))
	ok(t, err)
	ok(t, a.Undone())
	_, a, err = begin(req("refused", "y"))
	ok(t, err)
	if a.Again {
		t.Fatal("a refused attempt is forgotten")
	}
	// Unknown, then refused: the first may have had its effect, so it is not forgotten.
	ok(t, a.Unknown())
	_, a, err = begin(req("refused", "y"))
	ok(t, err)
	if !a.Again {
		t.Fatal("the attempt after an unknown one must be told")
	}
	ok(t, a.Undone())
	if _, a, err = begin(req("refused", "y")); err != nil || !a.Again {
		t.Fatalf("forgotten: %v", err)
	}
	ok(t, a.Done(nil))
	if got, a, err = begin(req("refused", "y")); err != nil || got != nil || !a.Again {
		t.Fatalf("an answer that is not kept is made again: %v %v", got, err)
	}

	// A crash: the process ends between Begin and the outcome.
	_, _, err = begin(req("crash", "x"))
	ok(t, err)
	closed()
	s, _ = open(t, dir, c)
	if _, a, err = begin(req("crash", "x")); err != nil || !a.Again {
		t.Fatalf("after the crash: %+v %v", a, err)
	}
	if got, _, err = begin(req("k", "body")); err != nil || got == nil {
		t.Fatal("a stored answer does not survive the restart")
	}

	// A day later the key is free.
	c.ms.Add(Keep.Milliseconds() + 1)
	if _, a, err = begin(req("k", "other")); err != nil || a.Again {
		t.Fatalf("%+v %v", a, err)
	}
	ok(t, a.Undone())
	ok(t, s.sweep())
	n := 0
	ok(t, s.records.Each(func([]byte, []byte) error {
		n++
		return nil
	}))
	if n != 1 { // the one from before the restart that is still under way
		t.Fatalf("%d records after the sweep", n)
	}
}

func TestOneOfManyBegins(t *testing.T) {
	s, _ := open(t, t.TempDir(), new(clock))
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			_, a, err := s.Begin(req("k", "b"))
			switch {
			case a != nil:
				won.Add(1)
			case !errors.Is(err, ErrInProgress):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d attempts were let through", won.Load())
	}
}

// TestTheSweepSparesWhatIsNewAgain: the key's old record was seen, then the key was used anew, then the sweep comes to it.
func TestTheSweepSparesWhatIsNewAgain(t *testing.T) {
	c := new(clock)
	c.ms.Store(1_700_000_000_000)
	s, _ := open(t, t.TempDir(), c)
	r := Request{Who: "c", Key: "k"}
	use := func() {
		t.Helper()
		_, a, err := s.Begin(r)
		if err != nil || a == nil {
			t.Fatal(a, err)
		}
		if err := a.Done(&Answer{Status: 201}); err != nil {
			t.Fatal(err)
		}
	}
	use()
	c.ms.Add((Keep + time.Minute).Milliseconds())
	limit := c.now().Add(-Keep).UnixMilli() // what a sweep that begins now would remove
	use()
	if err := s.forget(r.id(), limit); err != nil {
		t.Fatal(err)
	}
	if answer, _, err := s.Begin(r); err != nil || answer == nil {
		t.Fatalf("the new outcome is gone: %v, %v", answer, err)
	}
	c.ms.Add((Keep + time.Minute).Milliseconds())
	if err := s.sweep(); err != nil {
		t.Fatal(err)
	}
	if got, err := s.get(r.id()); err != nil || got != nil {
		t.Fatalf("an old record stays: %v, %v", got, err)
	}
}
