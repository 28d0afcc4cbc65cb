package launcher

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

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
