package launcher

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/network/internal/topology"
)

// operator is the member of the demo that runs ingest.
const operator topology.Org = "carrier"

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

// claimed makes dir a stack's folder that nobody holds.
func claimed(t *testing.T, dir string) {
	t.Helper()
	l, _ := open(t, dir)
	release, err := l.hold()
	if err != nil {
		t.Fatal(err)
	}
	release()
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
		{UpOptions{TLS: true}, "set up without --tls"},
		{UpOptions{Ports: "default"}, "set up with other ports"},
		{UpOptions{Ports: "22000"}, "set up with other ports"},
		{UpOptions{Ports: "80"}, "must be default, auto"},
	} {
		err := again.settle(tt.opt)
		if (err == nil) != (tt.want == "") || (err != nil && !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%+v: %v, want %q", tt.opt, err, tt.want)
		}
	}
}

// What needs the settings says what is wrong with them; what does not, works.
func TestBrokenSettings(t *testing.T) {
	for _, text := range []string{"", "{", `{"orderers":"bft","ports":{"mqtt":1}}`, `{"orderers":"pow"}`, `{"orderers":"bft","members":[]}`, `{"orderers":"bft","members":[{"name":"X"}]}`} {
		dir := filepath.Join(t.TempDir(), "stack")
		claimed(t, dir)
		if err := os.WriteFile(filepath.Join(dir, "settings.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Open(dir, t.TempDir(), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		for name, err := range map[string]error{
			"up": l.Up(t.Context(), UpOptions{}), "env": l.Env(), "status": l.Status(t.Context(), false), "status --json": l.Status(t.Context(), true),
		} {
			if err == nil || !strings.Contains(err.Error(), "reset") {
				t.Errorf("%s, %q: %v", name, text, err)
			}
		}
		if err := errors.Join(l.Down(t.Context()), l.Reset(t.Context())); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if again, err := Open(dir, "", io.Discard); err != nil || again.broken != nil {
			t.Errorf("%q: after reset: %v", text, err)
		}
	}
}

// Settings that are gone are not decided anew for a ledger that was made with others.
func TestLostSettings(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "stack")
	l, _ := open(t, dir)
	if err := l.write(l.Stack.ChannelBlock(), []byte("block")); err != nil {
		t.Fatal(err)
	}
	if err := l.settle(UpOptions{}); err == nil || !strings.Contains(err.Error(), "put it back from a backup, or start anew with `network reset`, which deletes") {
		t.Error(err)
	}
}

func TestBrokenWishesAreNamed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "stack")
	claimed(t, dir)
	l, _ := open(t, dir)
	if err := l.write(wishFile(l.Stack), []byte("{")); err != nil {
		t.Fatal(err)
	}
	if err := l.Status(t.Context(), false); err == nil || !strings.Contains(err.Error(), "processes.json") {
		t.Error(err)
	}
	if err := l.Down(t.Context()); err != nil {
		t.Error(err)
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
	s := topology.Stack{Members: topology.Founding()}
	var err error
	if s.Ports, err = choosePorts(s, "auto"); err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(); err != nil {
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

// A launcher's hold may outlive it for a moment in a child that it was about to start.
func TestHoldOfAKilledLauncherIsWaitedFor(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "stack")
	first, _ := open(t, dir)
	release, err := first.hold()
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, release)
	second, _ := open(t, dir)
	release, err = second.hold()
	if err != nil {
		t.Fatal(err)
	}
	release()
}

// A taken port is found before anything is built, and named with the one who needs it.
func TestTakenPort(t *testing.T) {
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	if err := l.settle(UpOptions{Ports: "auto"}); err != nil {
		t.Fatal(err)
	}
	if err := l.checkPorts(t.Context(), topology.Groups); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", l.Stack.Addr(topology.MQTT(operator)))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if err := l.checkPorts(t.Context(), topology.Groups); err == nil || !strings.Contains(err.Error(), "which mqtt-carrier needs") {
		t.Error(err)
	}
	if err := l.checkPorts(t.Context(), []topology.Group{topology.GroupFabric}); err != nil {
		t.Errorf("the broker is not wanted: %v", err)
	}
	// A killed process may hold its port a moment longer than it lives.
	time.AfterFunc(100*time.Millisecond, func() { ln.Close() })
	if err := l.checkPorts(t.Context(), topology.Groups); err != nil {
		t.Error(err)
	}
}

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

// TestUpPrintsNoSecrets: what `up` prints ends in logs.
func TestUpPrintsNoSecrets(t *testing.T) {
	dir, root := filepath.Join(t.TempDir(), "stack"), t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "api"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "api", "main.go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	l, err := Open(dir, root, &out)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range l.Stack.Orgs() {
		if _, err := l.makeClients(o); err != nil {
			t.Fatal(err)
		}
	}
	l.farewell(func(topology.Group) bool { return true })
	links, err := os.ReadFile(l.Stack.SignInLinks())
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(l.Stack.SignInLinks()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the links can be read by others: %v, %v", info.Mode(), err)
	}
	for _, o := range l.Stack.Orgs() {
		secrets, err := l.clientSecrets(o)
		if err != nil {
			t.Fatal(err)
		}
		for id, secret := range secrets {
			if strings.Contains(out.String(), secret) {
				t.Errorf("the secret of %s is in what `up` prints:\n%s", id, &out)
			}
		}
		if !strings.Contains(string(links), secrets[ViewerClient(o)]) || strings.Contains(string(links), secrets[AdminClient(o)]) {
			t.Errorf("want the reader's secret of %s, and no other, in the links", o)
		}
	}
	if !strings.Contains(out.String(), l.Stack.SignInLinks()) {
		t.Errorf("`up` does not say where the links are:\n%s", &out)
	}
}
