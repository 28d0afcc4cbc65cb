package launcher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/steps"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// counter counts the processes that a step had to start.
type counter struct{ n atomic.Int32 }

func (c *counter) of(total int) string {
	if n := c.n.Load(); n > 0 {
		return fmt.Sprintf("%d of %d started", n, total)
	}
	return fmt.Sprintf("%d running", total)
}

// begin makes the process run; prepare, unless nil, is called right before a start. The wish is stored before the start, so that the
// supervisor and `down` know of everything that may run.
func (l *Launcher) begin(ctx context.Context, started *counter, s proc.Spec, prepare func() error) error {
	if err := l.wish(s); err != nil {
		return err
	}
	did, err := l.table.Ensure(ctx, s, prepare)
	if err != nil {
		return err
	}
	if did {
		started.n.Add(1)
	}
	return nil
}

// unlessMarked deletes data that a process began to make and may not have finished: Fabric's nodes do not start any more
// after a death in the middle of their very first start. It is only safe while nobody relies on the data; the mark says that
// somebody may.
func unlessMarked(mark steps.Mark, data string) func() error {
	return func() error {
		if mark.Exists() {
			return nil
		}
		return os.RemoveAll(data)
	}
}

// lastLine of a log, for messages.
func lastLine(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return "no log"
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > 4096 {
		_, _ = f.Seek(-4096, 2)
	}
	b := make([]byte, 4096)
	n, _ := f.Read(b)
	lines := strings.Split(strings.TrimSpace(string(b[:n])), "\n")
	if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
		return last
	}
	return "its log is empty"
}

// wishes is the list of processes that ought to run, in the order of their start.
type wishes struct {
	Processes []proc.Spec `json:"processes"`
}

func wishFile(s topology.Stack) string { return filepath.Join(s.RunDir(), "processes.json") }

func readWishes(s topology.Stack) (wishes, error) {
	var w wishes
	data, err := os.ReadFile(wishFile(s))
	if err != nil {
		return w, err
	}
	if err := json.Unmarshal(data, &w); err != nil {
		return wishes{}, fmt.Errorf("%s: %w; `network up` writes it anew", wishFile(s), err)
	}
	return w, nil
}

// wish adds a process to the list, or replaces its entry.
func (l *Launcher) wish(s proc.Spec) error {
	return l.changeWishes(func(w *wishes) {
		if i := slices.IndexFunc(w.Processes, func(o proc.Spec) bool { return o.Name == s.Name }); i >= 0 {
			w.Processes[i] = s
			return
		}
		w.Processes = append(w.Processes, s)
		order := l.startOrder()
		slices.SortStableFunc(w.Processes, func(a, b proc.Spec) int { return order[a.Name] - order[b.Name] })
	})
}

// unwish takes a process off the list.
func (l *Launcher) unwish(name string) error {
	return l.changeWishes(func(w *wishes) {
		w.Processes = slices.DeleteFunc(w.Processes, func(s proc.Spec) bool { return s.Name == name })
	})
}

func (l *Launcher) changeWishes(change func(*wishes)) error {
	l.wishing.Lock()
	defer l.wishing.Unlock()
	w, err := readWishes(l.Stack)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		w = wishes{} // every `up` writes it anew, entry by entry
	}
	before, _ := json.MarshalIndent(w, "", "  ")
	change(&w)
	data, err := json.MarshalIndent(w, "", "  ")
	if err != nil || string(data) == string(before) {
		return err
	}
	return proc.WriteFile(wishFile(l.Stack), data, 0o600)
}

func (l *Launcher) startOrder() map[string]int {
	order := map[string]int{}
	for i, p := range l.Stack.Processes() {
		order[p.Name] = i
	}
	for _, name := range topology.Watchers {
		order[name] = len(order)
	}
	return order
}
