package launcher

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/steps"
)

// servers are the folders of the pinned servers' programs.
type servers struct {
	fabric string
	influx string
}

// serverModule is a nested module that compiles servers.
type serverModule struct {
	name     string   // its folder below network/servers
	hint     string   // while it is compiled
	programs []string // that the launcher runs
	path     string   // of the module that they are made of
	release  string   // accepted of installed programs: this one and its patches
}

var (
	fabricModule = serverModule{"fabric", "compiling Hyperledger Fabric (once, about a minute and a half)",
		[]string{"peer", "orderer", "configtxgen", "configtxlator", "osnadmin"}, "github.com/hyperledger/fabric", "v3.1"}
	influxModule = serverModule{"influxdb", "compiling InfluxDB (once, about a minute)", []string{"influxd"}, "github.com/influxdata/influxdb", "v1.8"}
)

// findServers finds the servers that are wanted among the installed ones, and compiles what is not there, once per version.
func (l *Launcher) findServers(fabric, influx bool) func(context.Context, func(string)) (string, error) {
	return func(ctx context.Context, note func(string)) (string, error) {
		wanted := map[*string]serverModule{}
		if fabric {
			wanted[&l.servers.fabric] = fabricModule
		}
		if influx {
			wanted[&l.servers.influx] = influxModule
		}
		var said []string
		installed := 0
		for dir, m := range wanted {
			found, what, err := l.installed(ctx, m)
			if err != nil {
				return "", err
			}
			if found != "" {
				*dir, installed = found, installed+1
				said = append(said, what)
			}
		}
		if l.places.Servers != "" && installed == 0 && len(wanted) > 0 {
			return "", misuse("--servers %s: none of the servers is there; `up --servers %s` compiles them", l.places.Servers, compile)
		}
		for dir, m := range wanted {
			if *dir != "" {
				continue
			}
			note(m.hint)
			found, built, err := l.buildServer(ctx, m.name)
			if err != nil {
				return "", err
			}
			*dir = found
			if built {
				said = append(said, m.name+" built")
			} else {
				said = append(said, m.name+" built before")
			}
		}
		slices.Sort(said)
		return strings.Join(said, ", "), nil
	}
}

// buildServer returns the folder with the programs of one nested module.
func (l *Launcher) buildServer(ctx context.Context, name string) (dir string, built bool, err error) {
	source := filepath.Join(l.Stack.Root, "network", "servers", name)
	key, err := serverKey(source)
	if err != nil {
		return "", false, err
	}
	cache := l.places.ServerCache
	if cache == "" {
		cache = l.Stack.ServersDir()
	}
	dir = filepath.Join(cache, name+"-"+key)
	if _, err := os.Stat(dir); err == nil {
		return dir, false, nil
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", false, fmt.Errorf("folder for compiled servers: %w: set %s to another one", err, cacheVariable)
	}
	// Two stacks with one cache: the second waits and finds it done.
	unlock, err := proc.Lock(ctx, filepath.Join(cache, name+".lock"))
	if err != nil {
		return "", false, err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, false, nil
	}
	err = steps.Make(dir, func(tmp string) error {
		if err := os.MkdirAll(tmp, 0o700); err != nil {
			return err
		}
		return goTool(ctx, source, []string{"GOBIN=" + tmp}, "install", "-trimpath", "-buildvcs=false", "tool")
	})
	if err != nil {
		return "", false, fmt.Errorf("build of %s: %w", name, err)
	}
	return dir, true, nil
}

// serverKey changes with the pinned versions and with what compiles them.
func serverKey(source string) (string, error) {
	h := sha256.New()
	for _, f := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(source, f))
		if err != nil {
			return "", err
		}
		h.Write(data)
	}
	fmt.Fprintln(h, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return hex.EncodeToString(h.Sum(nil)[:6]), nil
}

// goTool runs the go command in a folder. Its error ends with the last lines that it said.
func goTool(ctx context.Context, dir string, env []string, args ...string) error {
	out, err := tool(ctx, dir, append([]string{"CGO_ENABLED=0", "GOWORK=off"}, env...), "go", args...)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("`go` is not on the PATH to compile it: install Go 1.26 or newer (https://go.dev/dl), or name a folder of installed servers with `up --servers DIR`")
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if said := strings.Join(lines[max(0, len(lines)-20):], "\n"); said != "" {
		return errors.New("go " + args[0] + " failed:\n" + said)
	}
	return fmt.Errorf("go %s: %w", args[0], err)
}

// tool runs a program in a folder, with env beside our environment, and returns all that it said.
func tool(ctx context.Context, dir string, env []string, name string, args ...string) (said string, err error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	// It has children of its own: interrupt all of them.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 3 * time.Second
	err = cmd.Run()
	return out.String(), err
}
