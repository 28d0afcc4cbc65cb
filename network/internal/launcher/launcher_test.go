package launcher

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/trackseal/trackseal/network/internal/proc"
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
func TestForeignFolderIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	keep := filepath.Join(dir, "thesis.txt")
	if err := os.WriteFile(keep, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, _ := open(t, dir)
	if _, err := l.hold(); err == nil {
		t.Error("the folder was claimed")
	}
	if err := l.Reset(t.Context()); err == nil {
		t.Error("the folder was reset")
	}
	if _, err := os.Stat(keep); err != nil {
		t.Error(err)
	}
}

// Ensure a checkout's own folder may hold what other tools put there, and that it survives.
func TestDefaultFolderIsShared(t *testing.T) {
	dir := DefaultDir(t.TempDir())
	other := filepath.Join(dir, "verify.html")
	l, _ := open(t, dir)
	if err := l.write(other, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := l.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	release, err := l.hold()
	if err != nil {
		t.Fatal(err)
	}
	release()
	if err := l.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}

func TestResetKeepsServersAndForeignFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "stack")
	l, out := open(t, dir)
	release, err := l.hold()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.settle(UpOptions{Ports: "auto"}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.makeSecrets(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := l.writeFiles(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	release()
	server := filepath.Join(l.Stack.ServersDir(), "fabric-1", "peer")
	note := filepath.Join(dir, "note.txt")
	for _, f := range []string{server, note} {
		if err := l.write(f, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left []string
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			left = append(left, strings.TrimPrefix(path, dir))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(left, " "); got != "/bin/servers/fabric-1/peer /note.txt" {
		t.Errorf("left: %s", got)
	}
	if !strings.Contains(out.String(), "deleted the state") {
		t.Error(out.String())
	}
	// The folder is still ours.
	again, _ := open(t, dir)
	release, err = again.hold()
	if err != nil {
		t.Fatal(err)
	}
	release()
}

func TestResetTakesAnEmptyFolderAway(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "stack")
	l, _ := open(t, dir)
	release, err := l.hold()
	if err != nil {
		t.Fatal(err)
	}
	release()
	if err := l.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Error("the folder is still there", err)
	}
	for _, again := range []func(context.Context) error{l.Reset, l.Down} {
		if err := again(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestSecrets(t *testing.T) {
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	for _, want := range []string{"13 made", "kept"} {
		if got, err := l.makeSecrets(t.Context(), nil); err != nil || got != want {
			t.Errorf("%q %v, want %q", got, err, want)
		}
	}
	seen := map[string]bool{}
	for _, o := range topology.Orgs {
		secrets, err := l.clientSecrets(o)
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(l.Stack.APIClients(o))
		if err != nil {
			t.Fatal(err)
		}
		var clients []client
		if err := json.Unmarshal(data, &clients); err != nil || len(clients) != 2 {
			t.Fatalf("%s: %v", data, err)
		}
		for _, c := range clients {
			sum := sha256.Sum256([]byte(secrets[c.ID]))
			if c.SecretSHA256 != hex.EncodeToString(sum[:]) || seen[c.SecretSHA256] || len(c.Scopes) == 0 {
				t.Errorf("%+v", c)
			}
			seen[c.SecretSHA256] = true
			if strings.HasSuffix(c.ID, "-viewer") && strings.Contains(strings.Join(c.Scopes, " "), "write") {
				t.Errorf("%s may write", c.ID)
			}
		}
	}
	err := filepath.WalkDir(l.Stack.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := d.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v %v", path, info.Mode(), err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	// A lost file of hashes follows from the secrets; the secrets stay.
	before, _ := os.ReadFile(l.Stack.APIClients("carrier"))
	if err := os.Remove(l.Stack.APIClients("carrier")); err != nil {
		t.Fatal(err)
	}
	if _, err := l.makeSecrets(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(l.Stack.APIClients("carrier")); !bytes.Equal(before, after) {
		t.Error("clients changed")
	}
}

// Ensure lost keys do not lead to new ones beside a ledger that trusts the old ones.
func TestLostCertificates(t *testing.T) {
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	if err := l.write(l.Stack.ChannelBlock(), []byte("block")); err != nil {
		t.Fatal(err)
	}
	if _, err := l.makeCertificates(t.Context(), func(string) {}); err == nil || !strings.Contains(err.Error(), "reset") {
		t.Error(err)
	}
}

func TestEnvIsShell(t *testing.T) {
	l, out := open(t, filepath.Join(t.TempDir(), "my stack"))
	if err := l.Env(); err == nil || !strings.Contains(err.Error(), "network up") {
		t.Error(err)
	}
	if err := l.claim(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.makeSecrets(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := l.Env(); err != nil {
		t.Fatal(err)
	}
	secrets, err := l.clientSecrets("carrier")
	if err != nil {
		t.Fatal(err)
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh on this machine")
	}
	got, err := exec.Command(sh, "-c", out.String()+`echo "$TRACKSEAL_DIR|$TRACKSEAL_CARRIER_URL|$TRACKSEAL_CARRIER_CLIENT_ID|$TRACKSEAL_CARRIER_CLIENT_SECRET|$TRACKSEAL_MQTT"`).Output()
	want := l.Stack.Dir + "|http://127.0.0.1:8080|carrier-admin|" + secrets["carrier-admin"] + "|tcp://127.0.0.1:1883\n"
	if err != nil || string(got) != want {
		t.Errorf("%s %v\nwant %s", got, err, want)
	}
	if quote("it's") != `'it'\''s'` {
		t.Error(quote("it's"))
	}
}

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
func sleepers(t *testing.T, l *Launcher, names ...string) {
	t.Helper()
	path, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip("no sleep on this machine")
	}
	t.Cleanup(func() {
		if _, err := l.stopAll(context.Background()); err != nil {
			t.Error(err)
		}
	})
	for _, n := range names {
		if err := l.run(t.Context(), &counter{}, proc.Spec{Name: n, Path: path, Args: []string{"300"}, Dir: l.Stack.Dir, Log: l.Stack.Log(n)}); err != nil {
			t.Fatal(err)
		}
	}
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if cond() {
			return
		}
	}
	t.Fatalf("not within 10 s: %s", what)
}

func TestSupervisorRestartsAndEndsWithTheStack(t *testing.T) {
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	sleepers(t, l, topology.Influx, topology.Fleet)
	done := make(chan error, 1)
	go func() { done <- l.Supervise(t.Context(), slog.New(slog.DiscardHandler)) }()

	first, err := l.table.Lookup(topology.Influx)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another process runs", func() bool {
		r, err := l.table.Lookup(topology.Influx)
		return err == nil && r.PID != first.PID
	})
	rep, err := l.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]State{}
	for _, p := range rep.Processes {
		states[p.Name] = p.State
	}
	if states[topology.Influx] != Ready || states[topology.Fleet] != Ready || states[topology.IngestProcess] != Stopped || states[topology.Supervisor] != Dead {
		t.Errorf("%v", states) // the supervisor of this test is no process of its own
	}
	if rep.Up {
		t.Error("up without a supervisor")
	}
	if n, err := l.stopAll(t.Context()); err != nil || n != 2 {
		t.Errorf("stopped %d, %v", n, err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the supervisor goes on without a stack")
	}
}

func TestNoFleet(t *testing.T) {
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	sleepers(t, l, topology.Influx, topology.Fleet)
	if _, err := l.stopFleet(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	w, err := readWishes(l.Stack)
	if err != nil || len(w.Processes) != 1 || w.Processes[0].Name != topology.Influx {
		t.Errorf("%+v %v", w, err)
	}
	if _, err := l.table.Lookup(topology.Fleet); err == nil {
		t.Error("the fleet runs")
	}
}

func TestWishesKeepTheOrderOfTheStart(t *testing.T) {
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	for _, n := range []string{topology.Fleet, topology.PeerProcess("carrier"), topology.OrdererProcess("auditor"), topology.Fleet} {
		if err := l.wish(proc.Spec{Name: n}); err != nil {
			t.Fatal(err)
		}
	}
	w, err := readWishes(l.Stack)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range w.Processes {
		got = append(got, s.Name)
	}
	if want := "orderer-auditor peer-carrier fleet"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}

func TestAProcessThatEndsIsReportedWithItsLastWords(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh on this machine")
	}
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	err = l.run(t.Context(), &counter{}, proc.Spec{
		Name: topology.Fleet, Path: sh, Args: []string{"-c", "sleep 0.2; echo cannot read the map; exit 1"}, Dir: l.Stack.Dir,
		Log: l.Stack.Log(topology.Fleet), Ready: proc.Probe{HTTP: "http://127.0.0.1:1/"},
	})
	if err == nil || !strings.Contains(err.Error(), "fleet has ended: cannot read the map") {
		t.Error(err)
	}
}

// Ensure half-made data is deleted before a start, and data that somebody relies on is not, nor that of a running process.
func TestHalfMadeDataIsMadeAnew(t *testing.T) {
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	path, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip("no sleep on this machine")
	}
	s := proc.Spec{Name: topology.Influx, Path: path, Args: []string{"300"}, Dir: l.Stack.Dir, Log: l.Stack.Log(topology.Influx)}
	t.Cleanup(func() {
		if _, err := l.stopAll(context.Background()); err != nil {
			t.Error(err)
		}
	})
	debris := filepath.Join(l.influxData(), "debris")
	for _, tt := range []struct {
		name     string
		mark     bool
		restart  bool
		survives bool
	}{
		{"first start", false, true, false},
		{"running", false, false, true},
		{"in use", true, true, true},
	} {
		if err := l.write(debris, []byte("x")); err != nil {
			t.Fatal(err)
		}
		if tt.mark {
			if err := l.influxMark().Set("done"); err != nil {
				t.Fatal(err)
			}
		}
		if tt.restart {
			if _, err := l.table.Stop(t.Context(), s.Name); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.begin(t.Context(), &counter{}, s, unlessMarked(l.influxMark(), l.influxData())); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(debris); (err == nil) != tt.survives {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestTrim(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("old\n"); err != nil {
		t.Fatal(err)
	}
	if err := trim(path); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("new\n"); err != nil {
		t.Fatal(err)
	}
	now, _ := os.ReadFile(path)
	old, _ := os.ReadFile(path + ".old")
	if string(now) != "new\n" || string(old) != "old\n" {
		t.Errorf("%q %q", now, old)
	}
}

func TestLogs(t *testing.T) {
	l, out := open(t, filepath.Join(t.TempDir(), "stack"))
	if err := l.claim(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(l.Stack.Log("fleet"), []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.Logs(t.Context(), "fleet", false); err != nil || out.String() != "hello\n" {
		t.Errorf("%q %v", out.String(), err)
	}
	for _, name := range []string{"flet", "../settings"} {
		if err := l.Logs(t.Context(), name, false); err == nil || !strings.Contains(err.Error(), "there are: fleet") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDashboardKeyFollowsTheSources(t *testing.T) {
	dir := t.TempDir()
	put := func(path, text string) {
		t.Helper()
		full := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key := func() string {
		t.Helper()
		k, err := dashboardKey(dir)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	put("src/app.ts", "a")
	first := key()
	put("dist/app.js", "result")
	put("node_modules/x/index.js", "dependency")
	if key() != first {
		t.Error("results or dependencies change the key")
	}
	put("src/app.ts", "b")
	if key() == first {
		t.Error("a source does not change the key")
	}
}

// Ensure nothing about the web app stops `up`: it is left out with a reason.
func TestDashboardIsOptional(t *testing.T) {
	root := t.TempDir()
	l, err := Open(filepath.Join(t.TempDir(), "stack"), root, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	build := func() string {
		t.Helper()
		outcome, err := l.buildDashboard(t.Context(), func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		return outcome
	}
	if got := build(); !strings.Contains(got, "no dashboards") {
		t.Error(got)
	}
	if err := l.write(filepath.Join(root, "dashboards", "package-lock.json"), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	tools := t.TempDir()
	t.Setenv("PATH", tools)
	if got := build(); !strings.Contains(got, "install Node 20") {
		t.Error(got)
	}
	if err := os.WriteFile(filepath.Join(tools, "npm"), []byte("#!/bin/sh\necho no such package\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := build(); !strings.Contains(got, "npm ci: exit status 1; see") {
		t.Error(got)
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
