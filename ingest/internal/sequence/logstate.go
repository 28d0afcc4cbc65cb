package sequence

import (
	"encoding/binary"
	"encoding/json"
	"errors"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/merkle"
)

var errState = errors.New("journal: state is damaged")

// logState is one shipment's or tracker's log.
type logState struct {
	id  [32]byte
	log merkle.Log
	logMeta
}

// logMeta is stored as JSON behind the Merkle state.
type logMeta struct {
	Kind    string `json:"kind"` // shipment | tracker
	Subject string `json:"subject"`
	OpenTx  string `json:"open_tx"`
	Sealed  bool   `json:"sealed,omitempty"`
	// Ingest is the earlier life of this instance that wrote the log, "" for the present one. Nothing is added to it any more.
	Ingest string `json:"ingest,omitempty"`
	// Headed is the size in the newest leaf of the heads log, Head that leaf's index plus one (0 = none), HeadPrev the previous
	// leaf's index, which it names.
	Headed       uint64  `json:"headed,omitempty"`
	WaitingMS    int64   `json:"waiting_ms,omitempty"` // receipt of the first leaf after Headed; 0 = none
	HeadedClosed bool    `json:"headed_closed,omitempty"`
	Head         uint64  `json:"head,omitempty"`
	HeadPrev     *uint64 `json:"head_prev,omitempty"`
	// Anchored is the size in the newest leaf whose anchor is valid on the ledger.
	Anchored       uint64 `json:"anchored,omitempty"`
	AnchoredClosed bool   `json:"anchored_closed,omitempty"`
}

// dirty reports whether the heads log does not know the log's present state.
func (l *logState) dirty() bool {
	return l.log.Size() > l.Headed || l.Sealed && !l.HeadedClosed
}

func (l *logState) encode() []byte {
	tree, _ := l.log.MarshalBinary() // cannot fail
	meta, err := json.Marshal(l.logMeta)
	if err != nil { // texts and numbers only
		panic(err)
	}
	b := binary.AppendUvarint(make([]byte, 0, len(tree)+len(meta)+2), uint64(len(tree)))
	return append(append(b, tree...), meta...)
}

func decodeLog(id [32]byte, b []byte) (*logState, error) {
	n, k := binary.Uvarint(b)
	if k <= 0 || uint64(len(b)-k) < n {
		return nil, errState
	}
	l := &logState{id: id}
	if err := l.log.UnmarshalBinary(b[k : k+int(n)]); err != nil {
		return nil, err
	}
	return l, json.Unmarshal(b[k+int(n):], &l.logMeta)
}

// openLog returns the log of a subject, new when it has none. index is set when its index entry has to be written.
func (s *Sequencer) openLog(kind, subject, openTx string) (l *logState, fresh bool, err error) {
	key := kind + "\x00" + subject + "\x00" + openTx
	id, ok := s.ids.Get(key)
	if !ok {
		id = anchor.LogID(s.cfg.Channel, kind, subject, openTx, s.cfg.Ingest)
		s.ids.Put(key, id)
	}
	if l, err = s.log(id); l != nil || err != nil {
		return l, false, err
	}
	l = &logState{id: id, logMeta: logMeta{Kind: kind, Subject: subject, OpenTx: openTx}}
	s.logs.Put(id, l)
	return l, true, nil
}

// log returns a log's state from memory or disk, nil when there is none.
func (s *Sequencer) log(id [32]byte) (*logState, error) {
	if l, ok := s.logs.Get(id); ok {
		return l, nil
	}
	if l := s.dirty[id]; l != nil {
		s.logs.Put(id, l)
		return l, nil
	}
	b, err := s.db.Get(journal.LogKey(id))
	if b == nil || err != nil {
		return nil, err
	}
	l, err := decodeLog(id, b)
	if err != nil {
		return nil, err
	}
	s.logs.Put(id, l)
	return l, nil
}
