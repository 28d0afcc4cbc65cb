// Package hang finds processes that run and have stopped answering, and keeps apart from them what only looks like it: a process
// that starts, a machine that is too busy or was asleep, and a watcher that was itself held up.
package hang

import (
	"fmt"
	"time"
)

// Reading is what one look at a running process saw.
type Reading struct {
	Process string
	Run     string // another one after a restart
	Err     error  // why it does not answer; nil = it does
	Refused bool   // nobody listens there. A process that starts does not listen yet, however long it takes
}

// Finding is a process to be started again.
type Finding struct {
	Process string
	Run     string
	For     time.Duration // without an answer
	Err     error         // of the last look
}

func (f Finding) String() string {
	return fmt.Sprintf("did not answer for %s: %v", f.For.Round(time.Second), f.Err)
}

const (
	// Patience is how long a process may not answer. What a busy machine does to one process is over in less.
	Patience = 30 * time.Second
	// When most processes do not answer, the machine is the likelier reason, and restarts would be more work for it. This many
	// patiences later they are restarted all the same, one after the other.
	busyPatiences = 10
	// most is at least so many.
	leastMost = 3
	// maxDoubled bounds the patience with a process that hangs again and again, in first patiences.
	maxDoubled = 16
	// A process that answered for so many patiences has its doubled one forgotten.
	steadyPatiences = 10
)

// Watch remembers since when each process has not answered. It is not safe for concurrent use.
type Watch struct {
	patience  time.Duration
	processes map[string]*process
	looked    time.Time
	last      time.Time // of the last finding
}

type process struct {
	run      string
	since    time.Time // does not answer; zero: it does, or starts
	answers  time.Time // without a break since; zero: it has not answered in this run
	patience time.Duration
}

// New watch; patience is Patience but for tests.
func New(patience time.Duration) *Watch {
	return &Watch{patience: patience, processes: map[string]*process{}}
}

// Look takes the readings of one moment and names the process that ought to be started again now, at most one: the one that has
// not answered for the longest. Looks that are far apart count for nothing: who looks was asleep, and so was perhaps all else.
func (w *Watch) Look(now time.Time, readings []Reading) (Finding, bool) {
	heldUp := now.Sub(w.looked) > w.patience/2
	w.looked = now
	silent := 0
	for _, r := range readings {
		p := w.processes[r.Process]
		if p == nil {
			p = &process{patience: w.patience}
			w.processes[r.Process] = p
		}
		if p.run != r.Run {
			p.run, p.since, p.answers = r.Run, time.Time{}, time.Time{}
		}
		switch {
		case r.Err == nil:
			if p.since = (time.Time{}); p.answers.IsZero() {
				p.answers = now
			}
			if now.Sub(p.answers) >= steadyPatiences*w.patience {
				p.patience = w.patience
			}
		case r.Refused && p.answers.IsZero():
			p.since = time.Time{} // it starts
		default:
			if p.since.IsZero() || heldUp {
				p.since = now
			}
			silent++
		}
	}
	factor := time.Duration(1)
	if silent >= leastMost && 2*silent > len(readings) {
		factor = busyPatiences
	}
	var worst Finding
	for _, r := range readings {
		p := w.processes[r.Process]
		if p.since.IsZero() {
			continue
		}
		if d := now.Sub(p.since); d >= factor*p.patience && d > worst.For {
			worst = Finding{r.Process, r.Run, d, r.Err}
		}
	}
	// The others get half a patience: the restart may mend them too, and is work for the machine.
	if worst.Process == "" || now.Sub(w.last) < w.patience/2 {
		return Finding{}, false
	}
	w.last = now
	p := w.processes[worst.Process]
	p.since, p.patience = time.Time{}, min(2*p.patience, maxDoubled*w.patience)
	return worst, true
}
