package launcher

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/trackseal/trackseal/network/internal/proc"
)

// isStack tells whether a launcher worked here. The lock file says so, since no process is started and nothing is written
// before it exists. A folder named run would not do: the root of a machine has one.
func (l *Launcher) isStack() bool {
	_, err := os.Stat(l.lockFile())
	return err == nil
}

func (l *Launcher) lockFile() string { return filepath.Join(l.Stack.RunDir(), "launcher.lock") }

// dying is how long what a killed process held may stay held: its port while its threads end, its lock in a child of it.
const dying = 2 * time.Second

// hold makes this launcher the only one that changes the folder. The kernel releases the hold when we die.
func (l *Launcher) hold() (release func(), err error) {
	if err := l.claim(); err != nil {
		return nil, err
	}
	f, err := proc.TryLock(l.lockFile())
	// A launcher that was killed while it started a process has left its hold to that child, up to the child's exec.
	for end := time.Now().Add(dying); errors.Is(err, proc.ErrLocked) && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
		f, err = proc.TryLock(l.lockFile())
	}
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return nil, fmt.Errorf("%w: make the folder writable, or choose another --dir", err)
	}
	if errors.Is(err, proc.ErrLocked) {
		return nil, fmt.Errorf("another launcher%s is working on %s: wait for it, or stop it with `network down`", l.holder(), l.Stack.Dir)
	}
	if err != nil {
		return nil, err
	}
	if id, err := proc.Identify(os.Getpid()); err == nil {
		data, _ := json.Marshal(id) // strings and a number: cannot fail
		_ = f.Truncate(0)           // only a hint for messages and for `down`
		_, _ = f.WriteAt(data, 0)
	}
	return func() { f.Close() }, nil
}

// holder is " (process N)" when known.
func (l *Launcher) holder() string {
	if id, ok := l.holderID(); ok {
		return fmt.Sprintf(" (process %d)", id.PID)
	}
	return ""
}

func (l *Launcher) holderID() (proc.Identity, bool) {
	var id proc.Identity
	data, err := os.ReadFile(l.lockFile())
	return id, err == nil && json.Unmarshal(data, &id) == nil && id.Alive()
}

// claim makes the folder ours. One that holds something else is refused.
func (l *Launcher) claim() error {
	if err := l.ours(); err != nil {
		return err
	}
	for _, dir := range []string{l.Stack.Dir, l.Stack.RunDir(), l.Stack.LogDir(), l.Stack.BinDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("%w: make the folder writable, or choose another --dir", err)
		}
	}
	return nil
}

// ours is an error unless the folder is a stack, or may become one: it is absent, empty, or a checkout's own .trackseal, where
// other tools keep things as well.
func (l *Launcher) ours() error {
	entries, err := os.ReadDir(l.Stack.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(entries) == 0 || filepath.Base(l.Stack.Dir) == filepath.Base(DefaultDir("")) {
		return nil
	}
	if !l.isStack() {
		return fmt.Errorf("%s is not empty and not a stack: choose another --dir", l.Stack.Dir)
	}
	return nil
}
