package launcher

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/network/internal/render"
)

// writeFiles renders every configuration again: it is quick, and a changed launcher reaches old stacks this way. What lies in the
// folder override is merged over it. A file that is as it should be is not touched.
func (l *Launcher) writeFiles(context.Context, func(string)) (string, error) {
	known, err := l.known()
	if err != nil {
		return "", err
	}
	files, err := render.All(l.Stack, known)
	if err != nil {
		return "", err
	}
	overridden, err := l.override(files)
	if err != nil {
		return "", err
	}
	changed := 0
	for _, f := range files {
		did, err := replace(f.Path, f.Data, os.FileMode(f.Mode))
		if err != nil {
			return "", err
		}
		if did {
			changed++
		}
	}
	outcome := fmt.Sprintf("%d files, %d changed", len(files), changed)
	if len(overridden) > 0 {
		outcome += "; overridden: " + strings.Join(overridden, ", ")
	}
	return outcome, nil
}

// override merges override/PROCESS.yaml over the process's file, and returns the processes.
func (l *Launcher) override(files []render.File) (processes []string, err error) {
	entries, err := os.ReadDir(l.Stack.OverrideDir())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || strings.HasSuffix(e.Name(), "~") {
			continue // an editor's
		}
		path := filepath.Join(l.Stack.OverrideDir(), e.Name())
		process, yaml := strings.CutSuffix(e.Name(), ".yaml")
		i := slices.IndexFunc(files, func(f render.File) bool { return yaml && f.Process == process })
		if i < 0 {
			var known []string
			for _, f := range files {
				if f.Process != "" {
					known = append(known, f.Process)
				}
			}
			return nil, fmt.Errorf("%s overrides nothing: it must be PROCESS.yaml, PROCESS one of %s", path, strings.Join(known, ", "))
		}
		wish, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if files[i].Data, err = render.Override(files[i].Data, wish); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		processes = append(processes, process)
	}
	return processes, nil
}
