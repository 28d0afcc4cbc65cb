package journal

import (
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// A journal that was made again after a loss is that of a later life of its instance; see ledger.LifeOf.
const (
	metaLife  = "life"
	metaMade  = "made-again" // while the making goes on after it took the old one's place
	firstLife = 1
)

// Life of the instance that this journal is of.
func (db *DB) Life() (int, error) {
	b, err := db.Get(metaKey(metaLife))
	if err != nil || b == nil {
		return firstLife, err
	}
	life, err := strconv.Atoi(string(b))
	if err != nil {
		return 0, fmt.Errorf("journal: life: %w", err)
	}
	return life, nil
}

// SetLife names it.
func (b *Batch) SetLife(life int) { b.Set(metaKey(metaLife), strconv.AppendInt(nil, int64(life), 10)) }

// Unfinished is what is left to do of making a journal again, nil when there is nothing.
func (db *DB) Unfinished() ([]byte, error) { return db.Get(metaKey(metaMade)) }

// SetUnfinished notes what is left to do; nil is nothing.
func (b *Batch) SetUnfinished(left []byte) {
	if left == nil {
		b.Delete(metaKey(metaMade))
		return
	}
	b.Set(metaKey(metaMade), left)
}

// InUse reports whether a process has the journal in dir open.
func InUse(dir string) bool {
	lock, err := vfs.Default.Lock(filepath.Join(dir, "LOCK"))
	if err != nil {
		return true
	}
	return lock.Close() != nil
}

// Exists reports whether dir has a journal, also one that was copied and never opened.
func Exists(dir string) bool {
	desc, err := pebble.Peek(dir, vfs.Default)
	return err == nil && desc.Exists
}
