package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/trackseal/trackseal/network/internal/launcher"
)

// program is the built launcher on one stack.
type program struct {
	t    *testing.T
	path string
	dir  string
}

// stackProgram skips unless TRACKSEAL_HEAL names the folder of a network to make: it starts a real Fabric network there, and
// leaves it stopped for who comes next. Servers are taken from TRACKSEAL_SERVER_CACHE, else from the checkout's own stack, and
// built there when absent.
func stackProgram(t *testing.T) program {
	t.Helper()
	dir := os.Getenv("TRACKSEAL_HEAL")
	if dir == "" {
		t.Skip("starts a real Fabric network: TRACKSEAL_HEAL is not set")
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("TRACKSEAL_SERVER_CACHE") == "" {
		t.Setenv("TRACKSEAL_SERVER_CACHE", filepath.Join(launcher.DefaultDir(root), "bin", "servers"))
	}
	p := program{t: t, path: filepath.Join(t.TempDir(), "network"), dir: dir}
	build := exec.Command("go", "build", "-o", p.path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Cleanup(func() {
		if t.Failed() {
			logs, _ := filepath.Glob(filepath.Join(p.dir, "logs", "*.log"))
			for _, l := range logs {
				data, _ := os.ReadFile(l)
				t.Logf("%s:\n%s", filepath.Base(l), data[max(0, len(data)-2000):])
			}
		}
		_, _ = p.command("down").CombinedOutput()
	})
	return p
}

func (p program) command(args ...string) *exec.Cmd {
	return exec.Command(p.path, append(args, "--dir", p.dir)...)
}

func (p program) run(args ...string) []byte {
	p.t.Helper()
	cmd := p.command(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		p.t.Fatalf("network %v: %v\n%s%s", args, err, out.Bytes(), errs.Bytes())
	}
	return out.Bytes()
}

// firstUp are the arguments of the start that decides what the network is like.
var firstUp = []string{"up", "--only", "fabric", "--orderers", "raft", "--ports", "auto", "--tls"}

func (p program) up(args ...string) time.Duration {
	p.t.Helper()
	begun := time.Now()
	p.run(append(slices.Clone(firstUp), args...)...)
	return time.Since(begun)
}

func (p program) report() launcher.Report {
	p.t.Helper()
	var r launcher.Report
	out, err := p.command("status", "--json").Output() // its exit status says what the report says
	if e := json.Unmarshal(out, &r); e != nil {
		p.t.Fatalf("status: %v, %v in %s", err, e, out)
	}
	return r
}

func (p program) process(name string) launcher.ProcessStatus {
	p.t.Helper()
	for _, s := range p.report().Processes {
		if s.Name == name {
			return s
		}
	}
	p.t.Fatalf("status does not know %s", name)
	panic("unreachable")
}

// kill ends a process of the stack without giving it a chance, and returns its id.
func (p program) kill(name string) int {
	p.t.Helper()
	pid := p.process(name).PID
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		p.t.Fatalf("%s: %v", name, err)
	}
	return pid
}

func (p program) wantUp() {
	p.t.Helper()
	if r := p.report(); !r.Up {
		p.t.Fatalf("not up: %+v", r.Processes)
	}
}

func (p program) eventually(what string, cond func() bool) {
	p.t.Helper()
	p.within(time.Minute, what, cond)
}

func (p program) within(limit time.Duration, what string, cond func() bool) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), limit)
	defer cancel()
	for !cond() {
		select {
		case <-ctx.Done():
			p.t.Fatalf("not within %s: %s", limit, what)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// wantNothingLeft: no process, no open port.
func (p program) wantNothingLeft() {
	p.t.Helper()
	for _, s := range p.report().Processes {
		if s.PID != 0 {
			p.t.Errorf("%s still runs (%d)", s.Name, s.PID)
		}
		if s.Port == 0 {
			continue
		}
		ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)))
		if err != nil {
			p.t.Errorf("port of %s: %v", s.Name, err)
			continue
		}
		ln.Close()
	}
}

func TestNetworkHeals(t *testing.T) {
	p := stackProgram(t)

	// A first set-up that is killed on its way is finished by the next one.
	begun := p.command(firstUp...)
	if err := begun.Start(); err != nil {
		t.Fatal(err)
	}
	p.eventually("the first orderers run", func() bool {
		found, _ := filepath.Glob(filepath.Join(p.dir, "run", "orderer-*.pid"))
		return len(found) > 0
	})
	if err := begun.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = begun.Wait()
	p.up()
	p.wantUp()
	if d := p.up(); d > 45*time.Second {
		t.Errorf("a warm start took %s", d)
	}

	// Killed processes come back by themselves.
	for _, name := range []string{"peer-carrier", "orderer-shipper", "chaincode-auditor", "guard", "supervisor"} {
		old := p.kill(name)
		p.eventually(name+" is back", func() bool {
			s := p.process(name)
			return s.State == launcher.Ready && s.PID != old && s.Restarts > 0
		})
	}
	// A frozen one is killed, in its time, and started again.
	frozen := p.process("orderer-auditor").PID
	if err := syscall.Kill(frozen, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	p.within(3*time.Minute, "orderer-auditor is back", func() bool {
		s := p.process("orderer-auditor")
		return s.State == launcher.Ready && s.PID != frozen && strings.Contains(s.LastRestart, "did not answer")
	})
	// Without both watchers the status says so, and `up` brings them back.
	for _, pid := range []int{p.process("guard").PID, p.process("supervisor").PID} {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.command("status").Run(); err == nil {
		t.Error("status is content without a supervisor")
	}
	p.kill("peer-auditor")
	p.up()
	p.wantUp()

	// Renewed certificates are in use at once, and chaincode is reached as before.
	old := p.process("peer-shipper").PID
	out := p.run("member", "renew", "--within", "400d", "--valid", "500d")
	if !bytes.Contains(out, []byte("peer-shipper started again")) || p.process("peer-shipper").PID == old {
		t.Errorf("the peer goes on with its old certificate:\n%s", out)
	}
	p.wantUp()

	p.run("down")
	p.wantNothingLeft()
	// The state survives a stop.
	p.up()
	p.wantUp()
	p.run("down")
	p.wantNothingLeft()
}
