package launcher

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/network/internal/topology"
)

func open(t *testing.T, dir string) (*Launcher, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	l, err := Open(dir, "", &out)
	if err != nil {
		t.Fatal(err)
	}
	return l, &out
}

func held(t *testing.T, dir string) *Launcher {
	t.Helper()
	l, _ := open(t, dir)
	release, err := l.hold()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return l
}

func TestSettingsAreDecidedOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "stack")
	l := held(t, dir)
	if err := l.settle(UpOptions{Orderers: "raft", Ports: "21000"}); err != nil {
		t.Fatal(err)
	}
	again, _ := open(t, dir)
	if again.Stack.Orderers != topology.Raft || again.Stack.Port(topology.OrdererProcess("carrier")) != 21000 {
		t.Errorf("not remembered: %s %v", again.Stack.Orderers, again.Stack.Ports)
	}
	for _, tt := range []struct {
		opt  UpOptions
		want string // part of the error; "" = none
	}{
		{UpOptions{}, ""},
		{UpOptions{Ports: "auto"}, ""},
		{UpOptions{Orderers: "raft", Ports: "21000"}, ""},
		{UpOptions{Orderers: "bft"}, "set up with --orderers raft"},
		{UpOptions{Ports: "default"}, "set up with other ports"},
		{UpOptions{Ports: "22000"}, "set up with other ports"},
		{UpOptions{Orderers: "pow"}, "must be bft or raft"},
		{UpOptions{Ports: "80"}, "must be default, auto"},
	} {
		err := again.settle(tt.opt)
		if (err == nil) != (tt.want == "") || (err != nil && !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%+v: %v, want %q", tt.opt, err, tt.want)
		}
	}
}

func TestBrokenSettingsAreReported(t *testing.T) {
	dir := t.TempDir()
	for _, text := range []string{"{", `{"orderers":"bft","ports":{"mqtt":1}}`} {
		if err := os.WriteFile(filepath.Join(dir, "settings.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, "", io.Discard); err == nil || !strings.Contains(err.Error(), "reset") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestOddFoldersAreRefused(t *testing.T) {
	for _, dir := range []string{"/tmp/a,b", "/tmp/{x}", "/tmp/a\"b", "/tmp/a\nb", "/tmp/#x"} {
		if _, err := Open(dir, "", io.Discard); err == nil {
			t.Errorf("%q is accepted", dir)
		}
	}
}

func TestAutoPortsAreFreeAndDistinct(t *testing.T) {
	p, err := choosePorts("auto")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
}

func TestOneLauncherAtATime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "stack")
	held(t, dir)
	second, _ := open(t, dir)
	if _, err := second.hold(); err == nil || !strings.Contains(err.Error(), "another launcher") {
		t.Error(err)
	}
}

// Ensure a folder with somebody's files is neither used nor deleted.

// Ensure a checkout's own folder may hold what other tools put there, and that it survives.

// Ensure lost keys do not lead to new ones beside a ledger that trusts the old ones.

// Ensure a taken port is found before anything is built, and named with the one who needs it.

func TestTakenPort(t *testing.T) {
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	if err := l.settle(UpOptions{Ports: "auto"}); err != nil {
		t.Fatal(err)
	}
	if err := l.checkPorts(t.Context(), topology.Groups); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", l.Stack.Addr(topology.MQTT))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if err := l.checkPorts(t.Context(), topology.Groups); err == nil || !strings.Contains(err.Error(), "which mqtt needs") {
		t.Error(err)
	}
	if err := l.checkPorts(t.Context(), []topology.Group{topology.GroupFabric}); err != nil {
		t.Errorf("the broker is not wanted: %v", err)
	}
}

// sleepers wishes for processes that do nothing.

// Ensure half-made data is deleted before a start, and data that somebody relies on is not, nor that of a running process.

// Ensure nothing about the web app stops `up`: it is left out with a reason.

func TestFindRoot(t *testing.T) {
	dir := t.TempDir()
	sub := filepath.Join(dir, "network", "servers", "fabric")
	if err := os.MkdirAll(sub, 0o700); err != nil {
		t.Fatal(err)
	}
	// A nested module is not the checkout.
	for path, name := range map[string]string{dir: module, sub: module + "/network/servers/fabric"} {
		if err := os.WriteFile(filepath.Join(path, "go.mod"), []byte("module "+name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := FindRoot(sub); got != dir {
		t.Errorf("%q, want %q", got, dir)
	}
	if got := FindRoot(t.TempDir()); got != "" {
		t.Errorf("%q outside of a checkout", got)
	}
}
