package sequence

import (
	"encoding/hex"

	"github.com/trackseal/trackseal/internal/merkle"
)

// Place is where a head that the ledger has lies in the heads log of this journal.
type Place int

const (
	Newest  Place = iota // the newest anchor that the journal knows: the next one extends it
	Awaited              // the pending anchor is there
	Older                // the journal knows of newer ones that were valid: whoever answered is behind
	Foreign              // not of this journal, or it has forgotten it
)

// PlaceOf says where a head of the ledger lies; size 0 when the ledger has none. Nobody but this journal extends its heads log, so what
// it does not know was written by it before it was put back to an older state, or by another one with the same id.
func (s *Sequencer) PlaceOf(size uint64, root string) (Place, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, p := s.heads.last, s.pending
	switch {
	case size == last.Size && (size == 0 || root == last.Root):
		return Newest, nil
	case p != nil && size == p.NewSize && root == p.NewRoot:
		return Awaited, nil
	case size >= last.Size:
		return Foreign, nil
	case size == 0:
		return Older, nil
	}
	// A peer that lags has a head that this very log had. One with another root has another past.
	proof, err := merkle.Consistency(nodes{s.db, nil}, size, s.heads.log.Size())
	if err != nil {
		return Foreign, err
	}
	old, err := hex.DecodeString(root)
	if err != nil || len(old) != 32 || merkle.VerifyConsistency(size, s.heads.log.Size(), proof, merkle.Hash(old), s.heads.log.Root()) != nil {
		return Foreign, nil
	}
	return Older, nil
}
