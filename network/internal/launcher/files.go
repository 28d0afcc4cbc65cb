package launcher

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/render"
)

// writeFiles renders every configuration again: it is quick, and a changed launcher reaches old stacks this way. A file that
// is as it should be is not touched.
func (l *Launcher) writeFiles(context.Context, func(string)) (string, error) {
	files, err := l.rendered()
	if err != nil {
		return "", err
	}
	changed := 0
	for _, f := range files {
		if old, err := os.ReadFile(f.Path); err == nil && bytes.Equal(old, f.Data) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(f.Path), 0o700); err != nil {
			return "", err
		}
		if err := proc.WriteFile(f.Path, f.Data, os.FileMode(f.Mode)); err != nil {
			return "", err
		}
		changed++
	}
	return fmt.Sprintf("%d files, %d changed", len(files), changed), nil
}

func (l *Launcher) rendered() ([]render.File, error) {
	var all []render.File
	for _, part := range []func() ([]render.File, error){
		func() ([]render.File, error) { return render.Fabric(l.Stack) },
		func() ([]render.File, error) { return render.InfluxDB(l.Stack) },
		func() ([]render.File, error) { return render.Programs(l.Stack) },
	} {
		files, err := part()
		if err != nil {
			return nil, err
		}
		all = append(all, files...)
	}
	f, err := render.Stack(l.Stack)
	return append(all, f), err
}

func mkdir(dir string) error { return os.MkdirAll(dir, 0o700) }
