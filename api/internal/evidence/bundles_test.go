package evidence

import (
	"errors"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// reader is the writer of an answer whose client takes so many bytes a second.
type reader struct {
	http.ResponseWriter
	pace     int
	deadline time.Time
}

func (r *reader) SetWriteDeadline(at time.Time) error {
	r.deadline = at
	return nil
}

func (r *reader) Write(b []byte) (int, error) {
	need, left := time.Duration(len(b))*time.Second/time.Duration(r.pace), time.Until(r.deadline)
	if need > left {
		time.Sleep(max(left, 0))
		return 0, os.ErrDeadlineExceeded
	}
	time.Sleep(need)
	return len(b), nil
}

// TestSlowReaders: who reads at a bearable pace gets a large bundle, however long the server takes between two writes. Who reads as
// slowly as possible is cut off soon, also when each write by itself is short.
func TestSlowReaders(t *testing.T) {
	for _, c := range []struct {
		name          string
		pace, written int // bytes a second, bytes of a write
		between       time.Duration
		whole         bool
	}{
		{"slow line", 20 << 10, 64 << 10, 0, true},
		{"slow line, small writes", 20 << 10, 100, 0, true},
		{"slow server", 1 << 20, 64 << 10, 2 * time.Minute, true},
		{"byte by byte", 1, 64 << 10, 0, false},
		{"byte by byte, small writes", 1, 10, 0, false},
		{"just too slow", 10 << 10, 64 << 10, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &reader{pace: c.pace}
				p := &patient{Writer: r, out: http.NewResponseController(r), left: evidenceSilence}
				const size = 8 << 20
				began, got := time.Now(), 0
				var err error
				var waited time.Duration
				for got < size && err == nil {
					var n int
					at := time.Now()
					n, err = p.Write(make([]byte, c.written))
					waited += time.Since(at)
					got += n
					time.Sleep(c.between)
				}
				if c.whole && err != nil {
					t.Errorf("cut off after %d bytes and %s: %v, want the whole", got, time.Since(began), err)
				}
				if !c.whole && (!errors.Is(err, os.ErrDeadlineExceeded) || waited > 3*time.Minute) {
					t.Errorf("read %d bytes in %s: %v, want to be cut off within minutes", got, waited, err)
				}
			})
		})
	}
}
