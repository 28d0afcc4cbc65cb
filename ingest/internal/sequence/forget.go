package sequence

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/trackerchain"
)

// What recognises a repeated message is kept with the day on which the message came: two bytes, good until 2149.
const dayMS = 24 * 60 * 60 * 1000

func appendDay(b []byte, ms int64) []byte {
	return binary.BigEndian.AppendUint16(b, uint16(min(max(ms/dayMS, 0), 1<<16-1)))
}

// Forget takes a step through what recognises repeated messages, of at most so many keys from a key on (nil = the first one), and
// removes what came before a time. next is where the following step begins, nil at the end.
//
// Of signed messages, those before a tracker's position go, without the last two: from there on the chain is compared with them. A message
// that is sent again after that gets another leaf, flagged reordered, as one that comes so late for the first time must. Of
// plain ones all go.
//
// Crash order: nothing rests on the removal. What a crash brings back goes with a later pass.
func (s *Sequencer) Forget(from []byte, beforeMS int64, keys int) (next []byte, gone int, err error) {
	for i, prefix := range journal.RepeatPrefixes {
		if bytes.Compare(from, prefix) < 0 {
			from = prefix
		}
		if !bytes.HasPrefix(from, prefix) {
			continue // behind it
		}
		entries, err := s.db.Page(prefix, from, keys)
		if err != nil {
			return nil, 0, err
		}
		gone, err = s.forget(entries, beforeMS)
		switch {
		case err != nil:
			return nil, gone, err
		case len(entries) == keys:
			return append(entries[keys-1].Key, 0), gone, nil
		case i+1 < len(journal.RepeatPrefixes):
			return journal.RepeatPrefixes[i+1], gone, nil
		}
	}
	return nil, gone, nil
}

// forget removes those of the entries that may go. The sequencer stands still meanwhile: an entry may have been renewed since it was read.
func (s *Sequencer) forget(entries []journal.Entry, beforeMS int64) (gone int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := s.db.Begin()
	p, of := (*trackerchain.Progress)(nil), ""
	for _, e := range entries {
		tracker, boot, seq, signed := journal.RepeatPlace(e.Key)
		if cameMS(e) >= beforeMS {
			continue
		}
		if signed && (p == nil || tracker != of) {
			if p, err = s.peek(tracker); err != nil {
				batch.Drop()
				return 0, err
			}
			of = tracker
		}
		if signed && !p.Behind(boot, seq+2) {
			continue
		}
		if !signed {
			if v, err := s.db.Get(e.Key); err != nil || decodeMS(v) >= beforeMS {
				if err != nil {
					batch.Drop()
					return 0, err
				}
				continue
			}
		}
		batch.Delete(e.Key)
		gone++
	}
	if batch.Empty() {
		batch.Drop()
		return 0, nil
	}
	return gone, batch.Commit("forget")
}

// cameMS is when the message of an entry came, at the latest.
func cameMS(e journal.Entry) int64 {
	if n := len(e.Value); n == 8 { // a plain message's time of receipt
		return decodeMS(e.Value)
	} else if n >= 2 {
		return (int64(binary.BigEndian.Uint16(e.Value[n-2:])) + 1) * dayMS
	}
	return 1<<63 - 1
}

// peek reads a position without making its tracker one of those that spoke last.
func (s *Sequencer) peek(tracker string) (*trackerchain.Progress, error) {
	if p, ok := s.trackers.Peek(tracker); ok {
		return p, nil
	}
	b, err := s.db.Get(journal.PositionKey(tracker))
	if b == nil || err != nil {
		return &trackerchain.Progress{}, err
	}
	p, err := trackerchain.DecodeProgress(b)
	if err != nil {
		return nil, fmt.Errorf("tracker %s: %w", tracker, err)
	}
	return p, nil
}
