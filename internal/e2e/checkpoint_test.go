package e2e

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/checkpoint"
)

// What the runbook tells operators without the launcher: a signal to ingest or to an API, and there is a copy of its store.
func TestStackCheckpoint(t *testing.T) {
	s := load(t)
	for process, dir := range map[string]string{"ingest-carrier": "ingest-carrier/data", "api-auditor": "api-auditor/data"} {
		dir = filepath.Join(s.Dir, dir)
		before := s.processes(t)[process]
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		copied, err := checkpoint.Ask(ctx, dir, func() error { return syscall.Kill(before.PID, checkpoint.Signal) })
		if err != nil {
			t.Errorf("%s: %v", process, err)
			continue
		}
		if files, err := os.ReadDir(copied); err != nil || len(files) < 3 {
			t.Errorf("%s: the copy holds %v, %v", process, files, err)
		}
		if err := checkpoint.Forget(dir); err != nil {
			t.Error(err)
		}
		if after := s.processes(t)[process]; after.PID != before.PID {
			t.Errorf("%s was process %d and is %d", process, before.PID, after.PID)
		}
	}
}
