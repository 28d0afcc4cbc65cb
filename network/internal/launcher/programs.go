package launcher

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/network/internal/topology"
)

// needs names the program of each group. `tracker-sim` and `verify` are built with a whole stack for the operator's use.
var needs = map[topology.Group]string{
	topology.GroupFabric: "chaincode",
	topology.GroupIngest: "ingest",
	topology.GroupAPI:    "api",
	topology.GroupFleet:  "tracker-sim",
}

// buildPrograms compiles our own programs that the wanted groups need into the stack's folder.
func (l *Launcher) buildPrograms(opt UpOptions) func(context.Context, func(string)) (string, error) {
	return func(ctx context.Context, note func(string)) (string, error) {
		var want []string
		for _, g := range topology.Groups {
			name := needs[g]
			if name == "" || !slices.Contains(opt.Only, g) || (name == "chaincode" && opt.Chaincode != "") {
				continue
			}
			want = append(want, name)
		}
		if slices.Contains(opt.Only, topology.GroupAPI) {
			want = append(want, "verify", "tracker-sim")
		}
		slices.Sort(want)
		want = slices.DeleteFunc(slices.Compact(want), func(name string) bool { return !l.hasSource(name) })
		if len(want) == 0 {
			return "none", nil
		}
		note("compiling " + strings.Join(want, ", "))
		// On one file system the finished program takes its place in one step, also while the old one runs.
		tmp := filepath.Join(l.Stack.BinDir(), ".tmp")
		if err := os.MkdirAll(tmp, 0o700); err != nil {
			return "", err
		}
		args := []string{"build", "-buildvcs=false", "-trimpath", "-o", l.Stack.BinDir() + string(filepath.Separator)}
		for _, name := range want {
			args = append(args, "./"+name)
		}
		err := goTool(ctx, l.Stack.Root, []string{"GOTMPDIR=" + tmp}, args...)
		if err := errors.Join(err, os.RemoveAll(tmp)); err != nil {
			return "", err
		}
		return strings.Join(want, ", "), nil
	}
}

func (l *Launcher) hasSource(program string) bool {
	_, err := os.Stat(filepath.Join(l.Stack.Root, program, "main.go"))
	return err == nil
}

// fileHash stands for a file's content; "absent" when there is none.
func fileHash(path string) (string, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return "absent", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}
