package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"network": func() { os.Exit(run()) }})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"occupy": occupy,
			"exits":  exits,
			"onlynetwork": func(ts *testscript.TestScript, _ bool, _ []string) {
				// Nothing but the program under test and a shell is on the PATH.
				dir := ts.MkAbs("onlybin")
				ts.Check(os.MkdirAll(dir, 0o755))
				for _, d := range filepath.SplitList(ts.Getenv("PATH")) {
					for _, name := range []string{"network", "sh"} {
						if _, err := os.Stat(filepath.Join(d, name)); err == nil {
							_ = os.Symlink(filepath.Join(d, name), filepath.Join(dir, name)) // the first one counts
						}
					}
				}
				ts.Setenv("PATH", dir)
			},
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("TRACKSEAL_DIR", "")
			env.Setenv("TRACKSEAL_SERVER_CACHE", "")
			return nil
		},
	})
}

// occupy listens on a port until the script ends and sets BASE to a first port for --ports from which that one is needed.
func occupy(ts *testscript.TestScript, _ bool, _ []string) {
	for base := 12000; base < 30000; base += 100 {
		ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(base+10))) // influxdb
		if err != nil {
			continue
		}
		ts.Defer(func() { ln.Close() })
		ts.Setenv("BASE", strconv.Itoa(base))
		ts.Setenv("TAKEN", strconv.Itoa(base+10))
		return
	}
	ts.Fatalf("no free port")
}

// exits runs a command and wants an exit status: exits 2 network fly.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND [ARG...]")
	}
	status := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var ended *exec.ExitError
		if !errors.As(err, &ended) {
			ts.Fatalf("%v", err)
		}
		status = ended.ExitCode()
	}
	if fmt.Sprint(status) != args[0] {
		ts.Fatalf("%v exits with %d, want %s", args[1:], status, args[0])
	}
}
