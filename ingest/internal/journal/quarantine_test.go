package journal

import (
	"fmt"
	"testing"
)

func openWith(t *testing.T, dir string, opts Options) *DB {
	t.Helper()
	opts.MinFree = 1
	db, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func refuse(t *testing.T, db *DB, from, n, size int) {
	t.Helper()
	b := db.Begin()
	for i := range n {
		b.Quarantine(&Rejected{Reason: "malformed", Detail: fmt.Sprint(from + i), Raw: make([]byte, size)})
	}
	if err := b.Commit("messages"); err != nil {
		t.Fatal(err)
	}
}

func expectQuarantine(t *testing.T, db *DB, from, n int) {
	t.Helper()
	var got []string
	if err := db.Quarantined(func(_ uint64, body []byte) bool {
		r, err := DecodeRejected(body)
		if err != nil {
			t.Error(err)
		}
		got = append(got, r.Detail)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range n {
		want = append(want, fmt.Sprint(from+i))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("quarantine holds %v, expected %v", got, want)
	}
	if m := db.Metrics(); m.Quarantine != int64(n) || m.Queue != 0 || m.QueueBytes != 0 {
		t.Fatalf("%+v, expected %d in quarantine and nothing in the queue", m, n)
	}
}

// Garbage has its own room, in bytes and in number: the oldest goes, that is told, and messages have all of theirs.
func TestQuarantineHasBounds(t *testing.T) {
	dir := t.TempDir()
	opts := Options{MaxBytes: 1000, QuarantineBytes: 10_000, QuarantineRecords: 5}
	db := openWith(t, dir, opts)
	refuse(t, db, 0, 3, 1)
	expectQuarantine(t, db, 0, 3)
	refuse(t, db, 3, 1000, 100) // a batch far beyond the bounds
	expectQuarantine(t, db, 998, 5)
	if m := db.Metrics(); m.QuarantineDropped != 998 {
		t.Errorf("%d are told as dropped, expected 998", m.QuarantineDropped)
	}
	refuse(t, db, 1003, 4, 3000)
	expectQuarantine(t, db, 1004, 3) // four would be more than 10,000 bytes
	if !db.Room() {
		t.Error("garbage takes the messages' room")
	}
	if err := db.Release(1005); err != nil {
		t.Fatal(err)
	}
	expectQuarantine(t, db, 1005, 2)
	if err := db.Release(3); err != nil { // of what had to go meanwhile
		t.Fatal(err)
	}
	expectQuarantine(t, db, 1005, 2)
	restart := func() {
		t.Helper()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		db = openWith(t, dir, opts)
	}
	restart()
	expectQuarantine(t, db, 1005, 2)
	refuse(t, db, 1007, 1, 1)
	expectQuarantine(t, db, 1005, 3)
	opts.QuarantineRecords = 1 // as if a crash had kept more than there may be
	restart()
	expectQuarantine(t, db, 1007, 1)
	if err := db.Release(1 << 60); err != nil {
		t.Fatal(err)
	}
	restart()
	defer func() { db.Close() }()
	expectQuarantine(t, db, 0, 0)
	refuse(t, db, 7, 1, 1)
	expectQuarantine(t, db, 7, 1)
}
