package recover

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"github.com/trackseal/trackseal/ingest/internal/journal"
)

// Lost is a message that the old journal had taken, and that is nowhere any more.
type Lost struct {
	Tracker string `json:"tracker"`
	Signed  bool   `json:"signed"`
	Boot    uint64 `json:"boot,omitempty"`
	Seq     uint64 `json:"seq"`
	Hash    string `json:"hash"` // as in the leaf
}

// nameLost writes each into a file of its own beside the journal, one on a line. The file is there, and whole, before the new journal takes the old
// one's place.
func (r *run) nameLost(made *journal.DB) (err error) {
	if r.old == nil {
		return nil
	}
	name := filepath.Join(r.Dir, "journal."+r.Now().UTC().Format("20060102T150405.000Z")+".lost.jsonl")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil || r.a.Lost == 0 {
			_ = os.Remove(name) // it says nothing
		} else {
			r.a.LostFile = name
		}
	}()
	w := bufio.NewWriter(f)
	lines := json.NewEncoder(w)
	for _, prefix := range journal.PlacePrefixes {
		err := r.old.Scan(prefix, func(key, value []byte) error {
			l := Lost{}
			l.Tracker, l.Boot, l.Seq, l.Signed = journal.RepeatPlace(key)
			hash := value
			if n := len(key) - 32; key[0] != journal.RepeatPrefixes[0][0] && n > 0 { // a fork, or a plain message: its key has the hash
				hash = key[n:]
			}
			now, err := made.Get(key)
			if err != nil || now != nil && (len(key) > 0 && key[0] != journal.RepeatPrefixes[0][0] || sameHash(now, value)) {
				return err
			}
			l.Hash = hex.EncodeToString(hash[:min(len(hash), 32)])
			r.a.Lost++
			return lines.Encode(l)
		})
		if err != nil {
			return err
		}
	}
	return errors.Join(w.Flush(), f.Sync())
}

func sameHash(a, b []byte) bool {
	return len(a) >= 32 && len(b) >= 32 && bytes.Equal(a[:32], b[:32])
}
