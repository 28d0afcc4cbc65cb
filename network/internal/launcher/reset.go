package launcher

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Doomed is one part of what Reset deletes.
type Doomed struct {
	Name  string // of its file or folder; * stands for every organisation
	What  string
	Bytes int64
	paths []string
}

// Doomed is what Reset would delete now, the dearest first; nothing when there is no stack. A folder that is not a stack's is an error.
// By name: a file that somebody put here, and an override, is not ours to delete. Built servers stay as well.
func (l *Launcher) Doomed() ([]Doomed, error) {
	if !l.isStack() {
		if err := l.ours(); err != nil {
			return nil, fmt.Errorf("nothing was deleted: %w", err)
		}
		return nil, nil
	}
	var readings, journals, apis, programs []string
	for _, o := range l.Stack.Orgs() {
		readings, journals, apis = append(readings, l.Stack.InfluxDir(o)), append(journals, l.Stack.IngestDir(o)), append(apis, l.Stack.APIDir(o))
	}
	built, err := os.ReadDir(l.Stack.BinDir())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for _, p := range built {
		if path := filepath.Join(l.Stack.BinDir(), p.Name()); path != l.Stack.ServersDir() {
			programs = append(programs, path)
		}
	}
	var all []Doomed
	for _, d := range []Doomed{
		{"fabric", "the ledger: every organisation's blocks, state and keys", 0, []string{l.Stack.FabricDir()}},
		{"influxdb-*", "readings and messages", 0, readings},
		{"ingest-*", "the journal: logs, and what is not yet in InfluxDB", 0, journals},
		{"api-*", "clients and their secrets, signing keys, shipments' details", 0, apis},
		{"tls", "the stack's authority and its keys; links that sign in", 0, []string{l.Stack.TLSDir(), l.Stack.SignInLinks()}},
		{"fleet", "the simulated trackers' keys", 0, []string{l.Stack.FleetDir()}},
		{replacedDir, "what restores took the place of: ledger, readings and keys of before", 0, []string{filepath.Join(l.Stack.Dir, replacedDir)}},
		{"logs", "logs", 0, []string{l.Stack.LogDir()}},
		{"bin", "our programs", 0, programs},
		// The run folder, which makes the folder ours, goes last of all.
		{"settings.json", "members, ports, kind of orderers, places of the servers", 0, []string{l.Stack.StackFile(), l.Stack.PrometheusConfig(), l.Stack.Settings()}},
	} {
		there := false
		for _, path := range d.paths {
			n, found := size(path)
			d.Bytes, there = d.Bytes+n, there || found
		}
		if there {
			all = append(all, d)
		}
	}
	return all, nil
}

// size of a file, or of all files of a folder.
func size(path string) (bytes int64, found bool) {
	_ = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // an estimate for people
		}
		found = true
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
		return nil
	})
	return bytes, found
}

// Reset is Down, and deletes what Doomed names. A reset that was cut short can be repeated.
func (l *Launcher) Reset(ctx context.Context) error {
	if !l.isStack() && len(l.table.Strays()) == 0 {
		if _, err := l.Doomed(); err != nil {
			return err
		}
		fmt.Fprintln(l.Out, "nothing to delete")
		return nil
	}
	release, err := l.takeOver(ctx)
	if err != nil {
		return err
	}
	defer release()
	if _, err := l.stopAll(ctx); err != nil {
		return err
	}
	all, err := l.Doomed()
	if err != nil {
		return err
	}
	for _, d := range all {
		for _, path := range d.paths {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	if err := l.leave(); err != nil {
		return err
	}
	fmt.Fprintf(l.Out, "deleted the state in %s\n", l.Stack.Dir)
	return nil
}

// leave takes the last traces away. A folder that still holds something, like built servers, stays marked as ours.
func (l *Launcher) leave() error {
	_ = os.Remove(l.Stack.BinDir()) // only when they are empty
	_ = os.Remove(l.Stack.OverrideDir())
	rest, err := os.ReadDir(l.Stack.Dir)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(l.Stack.RunDir()); err != nil {
		return err
	}
	if len(rest) > 1 {
		return l.write(l.lockFile(), nil)
	}
	return os.Remove(l.Stack.Dir)
}
