package launcher

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trackseal/trackseal/network/internal/proc"
)

// patienceOf says how long a process is waited for.
type patienceOf struct {
	start time.Duration // to be ready
	same  time.Duration // while it answers, and gives the same reason for not being ready
}

var (
	// What is made for the first time is waited for: nothing goes on without it. A slow machine needs long.
	first = patienceOf{start: 90 * time.Second, same: 90 * time.Second}
	// What is set up already may be late: the others start without it.
	again = patienceOf{start: 30 * time.Second, same: 10 * time.Second}
	// At the end everything is waited for once more.
	last = patienceOf{start: 90 * time.Second, same: 30 * time.Second}
)

// figures in a reason change all the time, such as how much of the disk is free.
var figures = regexp.MustCompile(`[0-9]+`)

// late is a process that was not ready in its time. The supervisor goes on caring for it.
type late struct {
	process string
	err     error
}

func (e *late) Error() string { return e.process + ": " + e.err.Error() }

func (e *late) Unwrap() error { return e.err }

// run makes the process run and waits until it is ready, as await does.
func (l *Launcher) run(ctx context.Context, started *counter, s proc.Spec, setUp bool) error {
	if err := l.begin(ctx, started, s, nil); err != nil {
		return err
	}
	return l.await(ctx, s, setUp)
}

// await waits until the process is ready. Nothing else can be made before one that is not set up, so that it fails for good; one that
// is may be late.
func (l *Launcher) await(ctx context.Context, s proc.Spec, setUp bool) error {
	if !setUp {
		return l.ready(ctx, s, first, nil)
	}
	err := l.ready(ctx, s, again, nil)
	if _, isLate := errors.AsType[*late](err); isLate {
		return nil // awaitAll has the last word
	}
	return err
}

// ready waits for the probe and tells, unless tell is nil, what is missing. A process that ends instead is started again by the
// supervisor, if there is one; the waiting is over. Its error is a *late one unless ctx ended.
func (l *Launcher) ready(ctx context.Context, s proc.Spec, p patienceOf, tell func(error)) error {
	end := time.Now().Add(p.start)
	since := time.Now() // the reason is the same
	var said string
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.Ready.Check(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if tell != nil {
			tell(err)
		}
		if _, gone := l.table.Lookup(s.Name); gone != nil {
			return &late{s.Name, fmt.Errorf("it has ended: %s (see %s)", lastLine(s.Log), s.Log)}
		}
		now := time.Now()
		reason, answers := errors.AsType[proc.Unready](err)
		if same := figures.ReplaceAllString(string(reason), "#"); !answers || same != said {
			said, since = same, now
		}
		switch {
		case answers && (now.After(end) || now.Sub(since) > p.same):
			return &late{s.Name, err}
		case now.After(end):
			return &late{s.Name, fmt.Errorf("%w for %s (see %s)", err, p.start, s.Log)}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// awaitAll waits for everything that ought to run, side by side, and says all the time what is missing and why. Its error, unless ctx
// ended, is ErrNotReady with every process that is late.
func (l *Launcher) awaitAll(ctx context.Context, note func(string), p patienceOf) (string, error) {
	w, err := readWishes(l.Stack)
	if err != nil {
		return "", err
	}
	var mu sync.Mutex
	missing := map[string]error{} // by process
	set := func(process string, err error) {
		mu.Lock()
		defer mu.Unlock()
		if missing[process] = err; err == nil {
			delete(missing, process)
		}
		note(list(missing))
	}
	var group sync.WaitGroup
	for _, s := range w.Processes {
		group.Go(func() { set(s.Name, l.ready(ctx, s, p, func(err error) { set(s.Name, err) })) })
	}
	group.Wait()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if len(missing) == 0 {
		return fmt.Sprintf("%d processes", len(w.Processes)), nil
	}
	for name, err := range missing {
		if l, isLate := errors.AsType[*late](err); isLate {
			missing[name] = l.err
		}
	}
	return "", fmt.Errorf("%w: %s", ErrNotReady, list(missing))
}

func list(missing map[string]error) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		all = append(all, name+": "+missing[name].Error())
	}
	return strings.Join(all, "; ")
}
