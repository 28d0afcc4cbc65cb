package launcher

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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

// A folder that only looks like a stack: the root of a machine has bin and run as well.
func TestResetOfALookalike(t *testing.T) {
	dir := t.TempDir()
	keep := []string{filepath.Join(dir, "bin", "sh"), filepath.Join(dir, "run", "sshd.pid"), filepath.Join(dir, "logs", "x")}
	l, _ := open(t, dir)
	for _, f := range keep {
		if err := l.write(f, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Reset(t.Context()); err == nil || !strings.Contains(err.Error(), "nothing was deleted") {
		t.Error(err)
	}
	if err := l.Down(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := l.hold(); err == nil {
		t.Error("the folder was claimed")
	}
	for _, f := range keep {
		if _, err := os.Stat(f); err != nil {
			t.Error(err)
		}
	}
	if found, _ := filepath.Glob(filepath.Join(dir, "*", "*")); len(found) != len(keep) {
		t.Errorf("something was written: %v", found)
	}
}

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
	if got := strings.Join(left, " "); got != "/bin/servers/fabric-1/peer /note.txt /run/launcher.lock" {
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
