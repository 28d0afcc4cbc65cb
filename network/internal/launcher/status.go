package launcher

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/stall"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// State of one process, in one word.
type State string

const (
	Ready    State = "ready"   // runs and does its work
	NotReady State = "unready" // runs, and does not do its work (yet)
	Dead     State = "dead"    // ought to run
	Stopped  State = "stopped" // ought not to run
)

// ProcessStatus is one line of `status`.
type ProcessStatus struct {
	Name    string `json:"name"`
	State   State  `json:"state"`
	PID     int    `json:"pid,omitempty"`
	Port    int    `json:"port,omitempty"`
	Memory  int64  `json:"rss_bytes,omitempty"`
	UptimeS int64  `json:"uptime_s,omitempty"`
	// Restarts counts those that nobody asked for since `up` started the process; LastRestart says why the last one was needed.
	Restarts    int    `json:"restarts,omitempty"`
	LastRestart string `json:"last_restart,omitempty"`
	Detail      string `json:"detail,omitempty"` // why it is not ready
}

// remark is what a person wants to know first.
func (p ProcessStatus) remark() string {
	if p.Detail == "" && p.LastRestart != "" {
		return "restarted: " + p.LastRestart
	}
	return p.Detail
}

// Report is all of `status --json`.
type Report struct {
	Dir       string          `json:"dir"`
	Up        bool            `json:"up"` // everything that ought to run is ready
	Processes []ProcessStatus `json:"processes"`
	// Certificates that end soon, or cannot be read.
	Certificates []CertificateStatus `json:"certificates,omitempty"`
}

// CertificateStatus is a certificate to care for.
type CertificateStatus struct {
	File   string    `json:"file"` // in the stack's folder
	Ends   time.Time `json:"ends,omitzero"`
	Remark string    `json:"remark"` // what can be done, or why it cannot be read
}

// endsSoon is how long before its end a certificate is told of.
const endsSoon = 30 * 24 * time.Hour

// ending certificates of the folder's members.
func (l *Launcher) ending(now time.Time) []CertificateStatus {
	var all []CertificateStatus
	for _, c := range l.certificates() {
		st := CertificateStatus{File: l.inFolder(c.Cert), Remark: "`network member renew`"}
		var err error
		switch st.Ends, err = c.Ends(); {
		case errors.Is(err, os.ErrNotExist), err == nil && st.Ends.Sub(now) > endsSoon:
			continue
		case err != nil:
			st.Remark = err.Error()
		case c.Pinned != "":
			st.Remark = "it cannot be renewed: " + c.Pinned
		}
		all = append(all, st)
	}
	return all
}

// Report looks at every process.
func (l *Launcher) Report(ctx context.Context) (Report, error) {
	w, err := readWishes(l.Stack)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Report{}, err
	}
	wanted := map[string]proc.Spec{}
	for _, s := range w.Processes {
		wanted[s.Name] = s
	}
	rep := Report{Dir: l.Stack.Dir, Up: len(wanted) > 0}
	if len(wanted) > 0 {
		for _, name := range topology.Watchers { // also when `up` was killed before it started them
			if _, known := wanted[name]; !known {
				wanted[name] = proc.Spec{Name: name}
			}
		}
	}
	all := l.Stack.Processes()
	for _, name := range topology.Watchers {
		all = append(all, topology.Process{Name: name})
	}
	rep.Processes = make([]ProcessStatus, len(all))
	var wg sync.WaitGroup
	for i, p := range all {
		spec, want := wanted[p.Name]
		wg.Go(func() { rep.Processes[i] = l.status(ctx, p, spec, want) })
	}
	var channel []stall.Reading
	wg.Go(func() { channel = l.readChannel(ctx) })
	wg.Wait()
	markBehind(rep.Processes, channel)
	rep.Certificates = l.ending(time.Now())
	for _, p := range rep.Processes {
		if p.State == Dead || p.State == NotReady {
			rep.Up = false
		}
	}
	return rep, nil
}

func (l *Launcher) status(ctx context.Context, p topology.Process, spec proc.Spec, want bool) ProcessStatus {
	st := ProcessStatus{Name: p.Name}
	if len(p.Listeners) > 0 {
		st.Port = l.Stack.Port(p.Listeners[0])
	}
	r, err := l.table.Lookup(p.Name)
	if err != nil {
		st.State = Stopped
		if want {
			st.State = Dead
		}
		return st
	}
	st.PID = r.PID
	st.Memory = proc.Memory(r.PID)
	st.UptimeS = int64(time.Since(r.Started).Seconds())
	st.Restarts, st.LastRestart = r.Restarts, r.Why
	st.State = Ready
	if err := spec.Ready.Check(ctx); err != nil {
		st.State, st.Detail = NotReady, err.Error()
	}
	return st
}

// tolerated is how many blocks a node may be behind at one look and yet be ready.
const tolerated = 20

// markBehind says of nodes that answer whether the others left them behind: they catch up, or have stopped working.
func markBehind(all []ProcessStatus, channel []stall.Reading) {
	var newest uint64
	for _, r := range channel {
		newest = max(newest, r.Height)
	}
	for _, r := range channel {
		for i := range all {
			if p := &all[i]; p.Name == r.Node && p.State == Ready && r.Up && r.Height+tolerated < newest {
				p.State, p.Detail = NotReady, fmt.Sprintf("at height %d of %d", r.Height, newest)
			}
		}
	}
}

// How a stack is that is not as it ought to be.
var (
	ErrNotReady = errors.New("not ready")
	ErrDown     = errors.New("down: nothing ought to run; `network up` starts it")
)

// fault of the stack; nil when all that ought to run is ready.
func (r Report) fault() error {
	var names []string
	for _, p := range r.Processes {
		if p.State == Dead || p.State == NotReady {
			names = append(names, p.Name)
		}
	}
	switch {
	case len(names) > 0:
		return fmt.Errorf("%w: %s", ErrNotReady, strings.Join(names, ", "))
	case !r.Up:
		return ErrDown
	}
	return nil
}

// statusTime bounds a look at all processes; each of them has less.
const statusTime = 15 * time.Second

// Status writes the report for people, or as JSON. Its error is ErrDown when nothing ought to run, and ErrNotReady when something
// that ought to run is dead or unready.
func (l *Launcher) Status(ctx context.Context, asJSON bool) error {
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	rep, err := l.Report(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		return cmp.Or(l.printJSON(rep), l.broken, rep.fault())
	}
	tw := tabwriter.NewWriter(l.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "PROCESS\tSTATE\tPORT\tPID\tMEMORY\tUPTIME\tRESTARTS\t")
	var total int64
	for _, p := range rep.Processes {
		if p.State == Stopped {
			fmt.Fprintf(tw, "%s\t%s\t%s\t\t\t\t\t\n", p.Name, p.State, number(p.Port))
			continue
		}
		total += p.Memory
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.Name, p.State, number(p.Port), number(p.PID), mebibytes(p.Memory),
			time.Duration(p.UptimeS)*time.Second, number(p.Restarts), p.remark())
	}
	fmt.Fprintf(tw, "\t\t\t\t%s\t\t\t\n", mebibytes(total))
	err = tw.Flush()
	for _, c := range rep.Certificates {
		if c.Ends.IsZero() {
			fmt.Fprintf(l.Out, "certificate: %s\n", c.Remark)
			continue
		}
		fmt.Fprintf(l.Out, "certificate %s ends %s: %s\n", c.File, day(c.Ends), c.Remark)
	}
	return cmp.Or(err, l.broken, rep.fault()) // what runs is worth knowing all the same
}

func (l *Launcher) printJSON(v any) error {
	enc := json.NewEncoder(l.Out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func number(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }

// Logs writes a process's log, and with follow what is added to it until ctx ends. Without a name it lists the logs.
func (l *Launcher) Logs(ctx context.Context, name string, follow bool) error {
	if name == "" {
		fmt.Fprintln(l.Out, strings.Join(l.logNames(), "\n"))
		return nil
	}
	f, err := os.Open(l.Stack.Log(filepath.Base(name)))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("no log of %q in %s; there are: %s", name, l.Stack.LogDir(), strings.Join(l.logNames(), " "))
	}
	if err != nil {
		return err
	}
	defer f.Close()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := io.Copy(l.Out, f); err != nil {
			return err
		}
		if !follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		// A trimmed log starts again.
		if at, err := f.Seek(0, io.SeekCurrent); err == nil {
			if info, err := f.Stat(); err == nil && info.Size() < at {
				if _, err := f.Seek(0, io.SeekStart); err != nil {
					return err
				}
			}
		}
	}
}

func (l *Launcher) logNames() []string {
	paths, _ := filepath.Glob(filepath.Join(l.Stack.LogDir(), "*.log"))
	names := make([]string, 0, len(paths))
	for _, p := range paths {
		names = append(names, strings.TrimSuffix(filepath.Base(p), ".log"))
	}
	return names
}
