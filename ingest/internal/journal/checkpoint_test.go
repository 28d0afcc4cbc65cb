package journal

import (
	"path/filepath"
	"testing"
)

// The copy of a journal that goes on is the journal of that moment.
func TestCheckpoint(t *testing.T) {
	dir := t.TempDir()
	db := openWith(t, filepath.Join(dir, "journal"), Options{})
	put := func(value string) {
		t.Helper()
		b := db.Begin()
		b.Set([]byte("key"), []byte(value))
		b.Enqueue(MessageRecord, func(dst []byte) []byte { return append(dst, value...) })
		if err := b.Commit(value); err != nil {
			t.Fatal(err)
		}
	}
	defer db.Close()
	put("before")
	to := filepath.Join(dir, "copy")
	if err := db.Checkpoint(to); err != nil {
		t.Fatal(err)
	}
	put("after")
	if !Exists(to) || !Exists(db.dir) || Exists(dir) || Exists(filepath.Join(dir, "nothing")) {
		t.Errorf("copy %v, original %v, neither %v: want the first two to be journals", Exists(to), Exists(db.dir), Exists(dir))
	}
	copied := openWith(t, to, Options{})
	defer copied.Close()
	for name, tt := range map[string]struct {
		db    *DB
		value string
		queue uint64
	}{"copy": {copied, "before", 1}, "original": {db, "after", 2}} {
		if v, err := tt.db.Get([]byte("key")); err != nil || string(v) != tt.value || tt.db.Metrics().Queue != tt.queue {
			t.Errorf("%s holds %q with %d queued, %v; want %q with %d", name, v, tt.db.Metrics().Queue, err, tt.value, tt.queue)
		}
	}
	if err := db.Checkpoint(to); err == nil {
		t.Error("a copy over another copy")
	}
}
