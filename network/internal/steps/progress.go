package steps

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Progress shows steps on a terminal as one living line each, elsewhere as one line at the end of each and a sign of life
// from time to time.
type Progress struct {
	mu    sync.Mutex
	out   io.Writer
	live  bool
	begun time.Time
}

// NewProgress writes to out.
func NewProgress(out io.Writer) *Progress {
	p := &Progress{out: out, begun: time.Now()}
	if f, ok := out.(*os.File); ok {
		if info, err := f.Stat(); err == nil {
			p.live = info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
		}
	}
	return p
}

// Elapsed since the start.
func (p *Progress) Elapsed() time.Duration { return time.Since(p.begun).Round(100 * time.Millisecond) }

type line struct {
	p       *Progress
	name    string
	begun   time.Time
	mu      sync.Mutex
	doing   string
	stop    chan struct{}
	stopped chan struct{}
}

func (p *Progress) begin(name string) *line {
	l := &line{p: p, name: name, begun: time.Now(), stop: make(chan struct{}), stopped: make(chan struct{})}
	go l.tick()
	return l
}

// tick shows that the step is alive until end.
func (l *line) tick() {
	defer close(l.stopped)
	every := 10 * time.Second
	if l.p.live {
		every = 250 * time.Millisecond
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-t.C:
			l.mu.Lock()
			doing := l.doing
			l.mu.Unlock()
			if l.p.live {
				l.p.printf("\r\033[K  %6.1fs  %-14s %s", time.Since(l.begun).Seconds(), l.name, doing)
			} else {
				l.p.printf("  %6.1fs  %-14s … %s\n", time.Since(l.begun).Seconds(), l.name, doing)
			}
		}
	}
}

// note says what the step is doing right now.
func (l *line) note(doing string) {
	l.mu.Lock()
	l.doing = doing
	l.mu.Unlock()
}

func (l *line) end(outcome string, ok bool) {
	close(l.stop)
	<-l.stopped
	sign := "✓"
	if !ok {
		sign = "✗"
	}
	clear := ""
	if l.p.live {
		clear = "\r\033[K"
	}
	l.p.printf("%s%s %6.1fs  %-14s %s\n", clear, sign, time.Since(l.begun).Seconds(), l.name, outcome)
}

func (p *Progress) printf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, format, args...) // a closed terminal must not stop the work
}
