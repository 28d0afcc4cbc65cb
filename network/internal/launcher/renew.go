package launcher

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/trackseal/trackseal/network/internal/proc"
)

// Renew signs every certificate of the folder anew that ends within some time, for so long, and starts the processes again that read
// theirs at their start, one after the other. Certificates that somebody names as they are stay: they live as long as their authority.
//
// Crash order: each certificate is one file, replaced in one step, for the key that stays. A process whose files changed is found by
// its list of wishes; Renew can be repeated.
func (l *Launcher) Renew(ctx context.Context, within, valid time.Duration) error {
	if l.broken != nil {
		return l.broken
	}
	if valid <= within {
		return misuse("--valid %s: must be longer than --within %s, or they would be renewed again at once", valid, within)
	}
	none := fmt.Errorf("%s holds no certificates: `network up` or `network member init` makes them", l.Stack.Dir)
	if _, err := os.Stat(l.Stack.FabricDir()); errors.Is(err, os.ErrNotExist) {
		return none
	}
	unlock, err := l.hold()
	if err != nil {
		return err
	}
	defer unlock()
	if err := l.whole(); err != nil {
		return err
	}
	now := time.Now()
	renewed, first := 0, time.Time{}
	for _, c := range l.certificates() {
		end, err := c.Ends()
		if errors.Is(err, os.ErrNotExist) {
			continue // `up` makes it
		}
		if err != nil {
			return err
		}
		if end.Sub(now) > within || c.Pinned != "" {
			if first.IsZero() || end.Before(first) {
				first = end
			}
			if end.Sub(now) <= within {
				fmt.Fprintf(l.Out, "%s ends %s and stays: %s\n", l.inFolder(c.Cert), day(end), c.Pinned)
			}
			continue
		}
		if err := c.Issue(valid, now); err != nil {
			return err
		}
		renewed++
		fmt.Fprintf(l.Out, "%s renewed\n", l.inFolder(c.Cert))
	}
	switch {
	case renewed > 0:
		fmt.Fprintf(l.Out, "%d certificates renewed, until %s or the end of their authority\n", renewed, day(now.Add(valid)))
	case !first.IsZero():
		fmt.Fprintf(l.Out, "nothing to renew: the first one ends %s\n", day(first))
	default:
		return none
	}
	return l.followFiles(ctx)
}

// followFiles starts what ought to run and read something else at its start than is there now.
func (l *Launcher) followFiles(ctx context.Context) error {
	w, err := readWishes(l.Stack)
	if errors.Is(err, os.ErrNotExist) {
		return nil // down
	}
	if err != nil {
		return err
	}
	for _, s := range w.Processes {
		was := s.Inputs
		if s.Inputs, err = inputs(s.Reads...); err != nil {
			return err
		}
		if s.Reads == nil || s.Inputs == was {
			continue
		}
		var started counter
		if err := l.begin(ctx, &started, s, nil); err != nil {
			return err
		}
		if err := l.await(ctx, s, true); err != nil {
			return err
		}
		fmt.Fprintf(l.Out, "%s started again\n", s.Name)
	}
	return nil
}

// reading is a process that reads files at its start: a change of one starts it again.
func reading(s proc.Spec, files ...string) (proc.Spec, error) {
	var err error
	s.Reads = files
	s.Inputs, err = inputs(files...)
	return s, err
}

func (l *Launcher) inFolder(path string) string {
	if rel, err := filepath.Rel(l.Stack.Dir, path); err == nil {
		return rel
	}
	return path
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
