package backup

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree writes files below a folder.
func tree(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// read is the opposite of tree.
func read(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func same(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name, content := range want {
		if got[name] != content {
			t.Errorf("%s holds %q, want %q", name, got[name], content)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is there and should not be", name)
		}
	}
}

var sources = []Source{
	{Name: "stack", Roots: []string{"settings.json", "crypto"}, Keys: []string{"crypto"}},
	{Name: "peer-a", Roots: []string{"peer/data"}, Keys: []string{"peer/data/packages"}, Skip: []string{"peer/data/tmp"}},
	{Name: "ingest-a", Roots: []string{"ingest/journal", "ingest/password"}, Keys: []string{"ingest/password"}, From: map[string]string{"ingest/journal": "ingest/checkpoint"}},
}

// reserved has holes, at its end as well.
var reserved = strings.Repeat("x", 100) + strings.Repeat("\x00", 200_000) + "y" + strings.Repeat("\x00", 70_000)

var stackFiles = map[string]string{
	"settings.json": "{}", "crypto/ca/key": "K1", "stranger": "not ours",
	"peer/data/blocks/blockfile_000000": "blocks", "peer/data/index/000001.ldb": "table", "peer/data/index/LOCK": "", "peer/data/index/LOG": "log",
	"peer/data/packages/p.tar.gz": "K2", "peer/data/tmp/x": "tmp", "peer/data/reserved": reserved,
	"ingest/journal/1.sst": "goes on", "ingest/checkpoint/1.sst": "copied", "ingest/password": "K3",
}

// written makes a backup of stackFiles in a folder and returns it.
func written(t *testing.T) (dir string, m Manifest) {
	t.Helper()
	stack, dir := t.TempDir(), filepath.Join(t.TempDir(), "b")
	tree(t, stack, stackFiles)
	staged, err := Stage(stack, filepath.Join(stack, "stage"), sources)
	if err != nil {
		t.Fatal(err)
	}
	// From here on the programs go on: block files grow, tables go, the rest is written over.
	tree(t, stack, map[string]string{"peer/data/index/LOG": "other", "ingest/checkpoint/2.sst": "later"})
	f, err := os.OpenFile(filepath.Join(stack, "peer/data/blocks/blockfile_000000"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(" and more")
	if err := errors.Join(err, f.Close(), os.Remove(filepath.Join(stack, "peer/data/index/000001.ldb"))); err != nil {
		t.Fatal(err)
	}
	target, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	if m, err = target.Finish(t.Context(), Manifest{Version: "v"}, sources, staged); err != nil {
		t.Fatal(err)
	}
	return dir, m
}

func TestBackupIsOfItsMoment(t *testing.T) {
	dir, m := written(t)
	got := read(t, dir)
	delete(got, "manifest.json")
	same(t, got, map[string]string{
		"data/settings.json": "{}", "keys/crypto/ca/key": "K1",
		"data/peer/data/blocks/blockfile_000000": "blocks", "data/peer/data/index/000001.ldb": "table", "data/peer/data/index/LOG": "log",
		"data/peer/data/reserved":          reserved,
		"keys/peer/data/packages/p.tar.gz": "K2",
		"data/ingest/journal/1.sst":        "copied", "keys/ingest/password": "K3",
	})
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v: others may use it", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	again, err := Read(dir)
	if err != nil || again.Bytes() != m.Bytes() || strings.Join(again.Names(), " ") != "stack peer-a ingest-a" {
		t.Errorf("read back: %+v, %v", again, err)
	}
	if err := Verify(t.Context(), dir, again.Parts); err != nil {
		t.Error(err)
	}
	to := t.TempDir()
	for _, p := range again.Parts {
		if err := Put(t.Context(), dir, p, to); err != nil {
			t.Fatal(err)
		}
	}
	same(t, read(t, to), map[string]string{
		"settings.json": "{}", "crypto/ca/key": "K1", "peer/data/blocks/blockfile_000000": "blocks", "peer/data/index/000001.ldb": "table",
		"peer/data/reserved": reserved, "peer/data/index/LOG": "log", "peer/data/packages/p.tar.gz": "K2", "ingest/journal/1.sst": "copied", "ingest/password": "K3",
	})
}

func TestWhatWasChangedIsNamed(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(path string) error
		want  string
	}{
		"a bit": {func(path string) error {
			data, err := os.ReadFile(path)
			data[0] ^= 1
			return errors.Join(err, os.WriteFile(path, data, 0o600))
		}, "is not what was backed up"},
		"cut short": {func(path string) error { return os.Truncate(path, 2) }, "is not what was backed up"},
		"longer":    {func(path string) error { return os.Truncate(path, 20) }, "is not what was backed up"},
		"gone":      {os.Remove, "is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, m := written(t)
			path := filepath.Join(dir, "data/peer/data/blocks/blockfile_000000")
			if err := tt.spoil(path); err != nil {
				t.Fatal(err)
			}
			if err := Verify(t.Context(), dir, m.Parts); err == nil || err.Error() != "part peer-a: "+path+" "+tt.want {
				t.Errorf("%v; want the file and that it %s", err, tt.want)
			}
			// Of one that got longer, what was backed up is there.
			if err := Put(t.Context(), dir, m.Parts[1], t.TempDir()); err == nil && name != "longer" {
				t.Error("it is put in place all the same")
			}
			rest, err := m.Pick([]string{"stack", "ingest"})
			if err != nil || len(rest) != 2 || Verify(t.Context(), dir, rest) != nil {
				t.Errorf("parts that are whole are refused: %v %v", err, rest)
			}
		})
	}
}

func TestTargets(t *testing.T) {
	used := t.TempDir()
	tree(t, used, map[string]string{"thesis": "x"})
	if _, err := Create(used); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("%v, want a refusal of a folder that holds something", err)
	}
	if _, err := Create(filepath.Join(used, "thesis", "b")); err == nil {
		t.Error("a backup below a file")
	}
	// What is given up leaves nothing, and an empty folder that was there stays.
	empty, fresh := t.TempDir(), filepath.Join(t.TempDir(), "fresh")
	for _, dir := range []string{empty, fresh} {
		target, err := Create(dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "no complete backup") {
			t.Errorf("half a backup is read: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := target.Finish(ctx, Manifest{}, sources, []Staged{{Part: "stack"}}); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if err := target.Abandon(); err != nil {
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
	if _, err := os.Stat(fresh); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder is left: %v", err)
	}
}

func TestManifestsThatLeadElsewhere(t *testing.T) {
	for name, m := range map[string]string{
		"a root outside":    `{"format":1,"parts":[{"name":"p","roots":["../x"],"files":[]}]}`,
		"the stack itself":  `{"format":1,"parts":[{"name":"p","roots":["."],"files":[]}]}`,
		"a file outside":    `{"format":1,"parts":[{"name":"p","roots":["a"],"files":[{"path":"a/../../x"}]}]}`,
		"a file of nobody":  `{"format":1,"parts":[{"name":"p","roots":["a"],"files":[{"path":"b"}]}]}`,
		"a coming format":   `{"format":3,"parts":[]}`,
		"no format":         `{}`,
		"cut short":         `{"format":1,"pa`,
		"an absolute place": `{"format":1,"parts":[{"name":"p","roots":["/etc"],"files":[{"path":"/etc/passwd"}]}]}`,
	} {
		dir := t.TempDir()
		tree(t, dir, map[string]string{manifestName: m})
		if _, err := Read(dir); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestUnknownParts(t *testing.T) {
	_, m := written(t)
	if _, err := m.Pick([]string{"peer", "tea"}); err == nil || err.Error() != "the backup has no part tea; it has: stack peer-a ingest-a" {
		t.Error(err)
	}
}
