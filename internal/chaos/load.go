package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/trackseal/trackseal/internal/account"
)

// Load is what the trackers of a row send.
type Load struct {
	Trackers int
	Rate     float64 // messages per second, all together
	For      time.Duration
}

// sending is a load under way: `tracker-sim load`, and its journal, which is the oracle.
type sending struct {
	cmd      *exec.Cmd
	out, err bytes.Buffer
	path     string
	file     *os.File
	journal  *account.Follower
	ended    chan struct{}
}

// tracker-sim's summary, as far as it concerns us.
type summary struct {
	account.Report
	Unacked  int    `json:"unacked"`
	Resent   uint64 `json:"resent"`
	ReadBack int    `json:"read_back"`
	Mismatch int    `json:"mismatched"`
	Verdict  string `json:"verdict"`
}

// patience is how long a load waits for acknowledgements after its schedule, and again for the account.
const patience = 5 * time.Minute

// send starts a load and waits until its schedule runs, so that a fault meets messages. mqtt is the broker's URL.
func (s *Stack) send(ctx context.Context, l Load, mqtt, dir string) (*sending, error) {
	w := &sending{path: filepath.Join(dir, fmt.Sprintf("%x.journal", time.Now().UnixNano())), ended: make(chan struct{})}
	w.cmd = exec.CommandContext(ctx, filepath.Join(s.Dir, "bin", "tracker-sim"), "load", "--stack", s.Dir, "--mqtt", mqtt, "--json", "--no-progress",
		"--journal", w.path, "--trackers", strconv.Itoa(l.Trackers), "--trackers-per-shipment", strconv.Itoa((l.Trackers+1)/2),
		"--rate", fmt.Sprint(l.Rate), "--duration", l.For.String(), "--readings-per-message", "2", "--sample", "20",
		"--drain", patience.String(), "--max-lag", "24h") // it shares the machine with what it measures
	w.cmd.Stdout, w.cmd.Stderr = &w.out, &w.err
	w.cmd.Cancel = func() error { return w.cmd.Process.Signal(syscall.SIGTERM) }
	if err := w.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = w.cmd.Wait() // the summary tells
		close(w.ended)
	}()
	return w, until(ctx, 3*time.Minute, "trackers send", func() error {
		select {
		case <-w.ended:
			return fmt.Errorf("tracker-sim ended: %s", w.err.Bytes())
		default:
		}
		if err := w.read(); err != nil {
			return err
		}
		for m := range w.journal.Book.Messages() {
			if m.Seq > 0 {
				return nil
			}
		}
		return fmt.Errorf("no message yet")
	})
}

// read enters what the journal has got since.
func (w *sending) read() (err error) {
	if w.journal == nil {
		if w.file == nil {
			if w.file, err = os.Open(w.path); err != nil {
				return err
			}
		}
		if _, err := w.file.Seek(0, 0); err != nil {
			return err
		}
		if w.journal, err = account.Follow(w.file); err != nil {
			return err
		}
	}
	return w.journal.Read()
}

// wait returns the summary of tracker-sim's own account, which it makes through the REST API.
func (w *sending) wait(ctx context.Context) (sum summary, err error) {
	select {
	case <-w.ended:
	case <-ctx.Done():
		<-w.ended
		return sum, ctx.Err()
	}
	if err := json.Unmarshal(w.out.Bytes(), &sum); err != nil {
		return sum, fmt.Errorf("tracker-sim: %s%s", w.out.Bytes(), w.err.Bytes())
	}
	return sum, w.read()
}

func (w *sending) close() {
	if w.file != nil {
		_ = w.file.Close() // it was read
	}
}
