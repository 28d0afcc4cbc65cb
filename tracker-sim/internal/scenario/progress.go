package scenario

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// Progress shows phases: bars on a terminal, elsewhere one line at the end of each and a sign of life from time to time. A nil
// one shows nothing. Safe for concurrent use.
type Progress struct {
	w   io.Writer
	tty bool

	mu    sync.Mutex
	bar   *progressbar.ProgressBar
	name  string
	done  int
	total int
	began time.Time
	said  time.Time // when a line was written last
}

// signOfLife is the least time between two lines of one phase.
const signOfLife = 10 * time.Second

// NewProgress writes to w.
func NewProgress(w io.Writer) *Progress {
	p := &Progress{w: w}
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		p.tty = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

// Phase ends the phase before and starts another; total 0 means unknown.
func (p *Progress) Phase(name string, total int) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
	p.name, p.done, p.total, p.began = name, 0, total, time.Now()
	p.said = p.began
	if p.tty {
		n := int64(total)
		if total == 0 {
			n = -1
		}
		p.bar = progressbar.NewOptions64(n, progressbar.OptionSetWriter(p.w), progressbar.OptionSetDescription(fmt.Sprintf("%-10s", name)),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish())
	}
}

// Set says how far the phase is.
func (p *Progress) Set(done int) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = max(p.done, done)
	if p.bar != nil {
		_ = p.bar.Set(p.done) // a terminal that went away is no reason to stop
	} else if now := time.Now(); p.name != "" && now.Sub(p.said) >= signOfLife {
		p.said = now
		fmt.Fprintf(p.w, "%-10s … %d of %d\n", p.name, p.done, p.total)
	}
}

// End ends the last phase.
func (p *Progress) End() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
}

func (p *Progress) end() {
	if p.name == "" {
		return
	}
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
	took := time.Since(p.began).Round(10 * time.Millisecond)
	if p.total > 0 {
		fmt.Fprintf(p.w, "%-10s %d of %d in %s\n", p.name, max(p.done, 0), p.total, took)
	} else {
		fmt.Fprintf(p.w, "%-10s done in %s\n", p.name, took)
	}
	p.name = ""
}
