package launcher

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/network/internal/identity"
	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// A folder of its own gets one organisation's keys and settings, and nothing else; once more changes nothing.
func TestInitMember(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "firm")
	opt := MemberOptions{DisplayName: "Best Foods", Host: "node.best.example", Ports: "21000", Ingest: true, TLS: true, Valid: identity.Valid}
	l, _ := open(t, dir)
	if err := l.InitMember(t.Context(), "best-foods", opt); err != nil {
		t.Fatal(err)
	}
	again, out := open(t, dir)
	if m := again.Stack.Members; len(m) != 1 || m[0] != (topology.Member{Name: "best-foods", DisplayName: "Best Foods", Host: "node.best.example", Kind: topology.Node, Ingest: true}) || !again.Stack.TLS {
		t.Errorf("written: %+v", m)
	}
	if at := again.Stack.Addr(topology.MQTT("best-foods")); at != "node.best.example:21009" {
		t.Errorf("its broker is at %s", at)
	}
	before := tree(t, dir)
	for _, opt := range []MemberOptions{opt, {Valid: time.Hour}} {
		if err := again.InitMember(t.Context(), "best-foods", opt); err != nil || !strings.Contains(out.String(), "nothing changed") {
			t.Errorf("once more: %v\n%s", err, out)
		}
	}
	if after := tree(t, dir); !bytes.Equal([]byte(strings.Join(before, "\n")), []byte(strings.Join(after, "\n"))) {
		t.Errorf("was\n%s\nis\n%s", before, after)
	}
	for _, path := range before {
		if top, _, _ := strings.Cut(strings.Fields(strings.TrimPrefix(path, "/"))[0], "/"); top != "fabric" && top != "settings.json" && top != "run" {
			t.Errorf("%s was made", path)
		}
	}
	// Another member of the same folder has ports and keys of its own; the first one's stay.
	if err := again.InitMember(t.Context(), "agent", MemberOptions{Client: true, Valid: identity.Valid}); err != nil {
		t.Fatal(err)
	}
	if err := again.InitMember(t.Context(), "second", MemberOptions{Ports: "default", Valid: identity.Valid}); err != nil {
		t.Fatal(err)
	}
	if at := again.Stack.Addr(topology.PeerProcess("second")); at != "127.0.0.1:7071" {
		t.Errorf("the peer of the folder's third member is at %s", at)
	}
	if err := again.Up(t.Context(), UpOptions{}); err == nil {
		t.Error("a folder that has not joined a network starts")
	}
}

// What is wrong is said in one line, and nothing is made.
func TestInitMemberRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "firm")
	l, _ := open(t, dir)
	if err := l.InitMember(t.Context(), "firm", MemberOptions{Ports: "21000", Valid: identity.Valid}); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		member string
		opt    MemberOptions
		want   string
	}{
		"no name":      {"", MemberOptions{}, `name "": must be 1 to 24`},
		"a bad name":   {"Best Foods", MemberOptions{}, `name "Best Foods": must be`},
		"a port":       {"other", MemberOptions{Host: "a.example:80"}, "without a port"},
		"plain text":   {"other", MemberOptions{Host: "a.example"}, "it needs --tls"},
		"TLS too late": {"other", MemberOptions{Host: "a.example", TLS: true}, "was set up without --tls"},
		"taken ports":  {"other", MemberOptions{Ports: "21000"}, "have the same port 2100"},
		"bad ports":    {"other", MemberOptions{Ports: "80"}, "the first of 20 ports (1024 to 65516)"},
		"client":       {"other", MemberOptions{Client: true, Ingest: true}, "keys alone"},
		"client ports": {"other", MemberOptions{Client: true, Ports: "auto"}, "leave --ports out"},
		"another one":  {"firm", MemberOptions{Host: "127.0.0.2"}, "firm is there already"},
	} {
		tt.opt.Valid = identity.Valid
		before := strings.Join(tree(t, dir), "\n")
		l, _ := open(t, dir)
		err := l.InitMember(t.Context(), tt.member, tt.opt)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
		if after := strings.Join(tree(t, dir), "\n"); after != before {
			t.Errorf("%s: something was made:\n%s", name, after)
		}
	}
}

// tree lists the files of a folder with their sizes and times, but those of locks.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".lock") {
			return err
		}
		info, err := d.Info()
		all = append(all, strings.TrimPrefix(path, dir)+" "+info.ModTime().String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Settings that cannot be read keep nobody from deleting what a member of the folder has.
func TestResetOfAMemberWithBrokenSettings(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "firm")
	l, _ := open(t, dir)
	if err := l.InitMember(t.Context(), "best-foods", MemberOptions{Ports: "21000", Ingest: true, Valid: identity.Valid}); err != nil {
		t.Fatal(err)
	}
	err := errors.Join(l.write(l.Stack.Settings(), []byte("{")), l.write(filepath.Join(l.Stack.IngestDir("best-foods"), "data", "1.sst"), nil))
	if err != nil {
		t.Fatal(err)
	}
	again, _ := open(t, dir)
	if err := again.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Errorf("left: %v", tree(t, dir))
	}
}

// The demo's members get their keys one by one, and a crash in between is made good.
func TestKeysOfFounders(t *testing.T) {
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	for _, want := range []string{"4 of 4 members made", "kept"} {
		if got, err := l.makeCertificates(t.Context(), nil); err != nil || got != want {
			t.Errorf("%q %v, want %q", got, err, want)
		}
	}
	// As after a crash between the orderer's and the others.
	if err := os.RemoveAll(l.Stack.PeerOrgDir("shipper")); err != nil {
		t.Fatal(err)
	}
	if got, err := l.makeCertificates(t.Context(), nil); err != nil || got != "1 of 4 members made" {
		t.Errorf("%q %v", got, err)
	}
	if _, err := os.Stat(l.Stack.OrdererSignCert("shipper")); err != nil {
		t.Error(err)
	}
	// A key that is taken away is made anew with its certificate; one that the channel names is not.
	for _, path := range []string{l.Stack.UserCert("shipper", "api"), l.Stack.UserKey("shipper", "api")} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := l.makeCertificates(t.Context(), nil); err != nil || got != "1 made" {
		t.Errorf("%q %v", got, err)
	}
	if err := os.Remove(l.Stack.OrdererSignCert("shipper")); err != nil {
		t.Fatal(err)
	}
	if got, err := l.makeCertificates(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "is gone, and another one would not do, since the channel's configuration names it") {
		t.Errorf("%q %v", got, err)
	}
}

// Renewed is what ends soon; a process that reads it is started again, and what somebody names as it is stays.
func TestRenew(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip("no sleep on this machine")
	}
	l, out := open(t, filepath.Join(t.TempDir(), "stack"))
	release, err := l.hold()
	if err != nil {
		t.Fatal(err)
	}
	l.Stack.TLS = true
	if err := errors.Join(l.makeKeysOf(t, time.Hour), func() error { _, err := l.makeTLS(t.Context(), nil); return err }()); err != nil {
		t.Fatal(err)
	}
	stopped(t, l)
	run := func(name string, reads ...string) int {
		t.Helper()
		s, err := reading(proc.Spec{Name: name, Path: sleep, Args: []string{"300"}, Dir: l.Stack.Dir, Log: l.Stack.Log(name)}, reads...)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.begin(t.Context(), &counter{}, s, nil); err != nil {
			t.Fatal(err)
		}
		return pid(t, l, name)
	}
	peer := run(topology.PeerProcess("carrier"), l.Stack.PeerSignCert("carrier"))
	orderer := run(topology.OrdererProcess("carrier"), l.Stack.OrdererSignCert("carrier"))
	release()
	ending := l.ending(time.Now())
	for _, c := range ending {
		if strings.HasPrefix(c.File, "tls/") || strings.Contains(c.File, "/orderers/") {
			t.Errorf("%+v ends not soon", c)
		}
	}
	if want := 4*5 + 1 + 4*2; len(ending) != want { // Admin, api, peer and its TLS, chaincode's server; ingest; the orderer's Admin and its TLS
		t.Errorf("%d end soon, want %d", len(ending), want)
	}
	if err := l.Renew(t.Context(), 30*24*time.Hour, identity.Valid); err != nil {
		t.Fatal(err)
	}
	if left := l.ending(time.Now()); len(left) != 0 || len(ending) == 0 {
		t.Errorf("%d ended soon, %+v still do", len(ending), left)
	}
	if pid(t, l, topology.PeerProcess("carrier")) == peer || !strings.Contains(out.String(), "peer-carrier started again") {
		t.Errorf("the peer runs on with its old certificate\n%s", out)
	}
	if pid(t, l, topology.OrdererProcess("carrier")) != orderer {
		t.Error("the orderer was started again for nothing")
	}
	out.Reset()
	if err := l.Renew(t.Context(), 30*24*time.Hour, identity.Valid); err != nil || !strings.HasPrefix(out.String(), "nothing to renew: the first one ends ") || strings.Contains(out.String(), "again") {
		t.Errorf("%v\n%s", err, out)
	}
	// Cut short after the files and before the process: the next one starts it again.
	peer = pid(t, l, topology.PeerProcess("carrier"))
	for _, c := range l.certificates() {
		if c.Cert == l.Stack.PeerSignCert("carrier") {
			if err := c.Issue(identity.Valid, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := l.Renew(t.Context(), time.Hour, identity.Valid); err != nil || pid(t, l, topology.PeerProcess("carrier")) == peer {
		t.Errorf("%v: the peer runs on", err)
	}
	// What the channel names is told, and stays.
	out.Reset()
	if err := l.Renew(t.Context(), 20*365*24*time.Hour, 30*365*24*time.Hour); err != nil || !strings.Contains(out.String(), "stays: the channel's configuration names it") {
		t.Errorf("%v\n%s", err, out)
	}
	if err := l.Renew(t.Context(), time.Hour, time.Minute); err == nil || !strings.Contains(err.Error(), "--valid 1m0s: must be longer") {
		t.Error(err)
	}
}

func (l *Launcher) makeKeysOf(t *testing.T, valid time.Duration) error {
	t.Helper()
	for _, o := range l.Stack.Orgs() {
		if _, err := l.makeKeys(o, valid); err != nil {
			return err
		}
	}
	return nil
}

func pid(t *testing.T, l *Launcher, name string) int {
	t.Helper()
	r, err := l.table.Lookup(name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return r.PID
}

// A folder of before its members were settings is brought up to date: its ingest moves, with its journal, once.
func TestFolderOfBefore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "stack")
	l := held(t, dir)
	ports := l.Stack.DefaultPorts()
	ports["mqtt"] = ports[topology.MQTT(operator)]
	delete(ports, topology.MQTT(operator))
	journal := filepath.Join("data", "journal", "1.sst")
	if err := errors.Join(
		l.writeJSON(l.Stack.Settings(), map[string]any{"orderers": "bft", "ports": ports}),
		l.write(filepath.Join(l.Stack.OldIngestDir(), journal), []byte("kept")),
	); err != nil {
		t.Fatal(err)
	}
	again, _ := open(t, dir)
	if err := again.current(); err == nil || !strings.Contains(err.Error(), "`network up`") {
		t.Errorf("%v, want that nothing but `up` touches it", err)
	}
	for range 2 {
		if err := errors.Join(again.moveIngest(context.Background()), again.settle(UpOptions{})); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(filepath.Join(l.Stack.IngestDir(operator), journal)); err != nil || string(got) != "kept" {
		t.Errorf("%q %v", got, err)
	}
	if s, err := loadSettings(l.Stack.Settings()); err != nil || s.old || len(s.Members) != 4 || s.Ports[topology.MQTT(operator)] != 1883 {
		t.Errorf("%+v %v", s, err)
	}
}
