package sequence

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"slices"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
)

// LogInfo is the state of one log, as the HTTP interface answers it.
type LogInfo struct {
	Log     string `json:"log"`
	Kind    string `json:"kind"`
	Subject string `json:"subject"`
	OpenTx  string `json:"open_tx"`
	Ingest  string `json:"ingest"` // the life of this instance that wrote it
	Ended   bool   `json:"-"`      // that was an earlier life
	Size    uint64 `json:"size"`
	// Stored is how many leaves are in InfluxDB, nil when so many records wait that it is not known.
	Stored   *uint64 `json:"stored_size,omitempty"`
	Root     string  `json:"root"`
	Sealed   bool    `json:"sealed"`
	Anchored uint64  `json:"anchored_size"`
	// AnchoredClosed: the final head is on the ledger.
	AnchoredClosed bool   `json:"anchored_closed"`
	Heads          string `json:"heads"`
}

// Logs lists the logs of a shipment or a tracker (anchor.Shipment, anchor.Tracker).
func (s *Sequencer) Logs(kind, subject string) ([]LogInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.turn()
	logs, err := s.subjectLogs(kind, subject)
	infos := make([]LogInfo, 0, len(logs))
	for _, l := range logs {
		infos = append(infos, s.info(l))
	}
	return infos, err
}

func (s *Sequencer) info(l *logState) LogInfo {
	root := l.log.Root()
	return LogInfo{
		Log: hex.EncodeToString(l.id[:]), Kind: l.Kind, Subject: l.Subject, OpenTx: l.OpenTx, Ingest: cmp.Or(l.Ingest, s.cfg.Ingest), Ended: l.Ingest != "",
		Size: l.log.Size(), Root: hex.EncodeToString(root[:]), Sealed: l.Sealed, Anchored: l.Anchored,
		AnchoredClosed: l.AnchoredClosed, Heads: s.HeadsID(),
	}
}

// Log is the log with an id; found is false when this instance has none.
func (s *Sequencer) Log(id [32]byte) (info LogInfo, found bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.turn()
	l, err := s.log(id)
	if l == nil || err != nil {
		return LogInfo{}, false, err
	}
	return s.info(l), true, nil
}

// StoredHeads is the number in the heads log below which every head is in InfluxDB, and with it the messages that it covers. It is
// false when so many records wait that it is not known.
func (s *Sequencer) StoredHeads() (uint64, bool, error) {
	// The anchored size comes first: heads that are queued later are beyond it.
	size, looked := s.Last().Size, 0
	err := s.db.Queued(0, func(_ uint64, kind journal.RecordKind, body []byte) (bool, error) {
		if looked++; looked > maxQueueLooked || kind != journal.HeadRecord {
			return looked <= maxQueueLooked, nil
		}
		h, err := journal.DecodeHead(body)
		size = min(size, h.Index)
		return false, err // the queue has the heads in their order
	})
	return size, looked <= maxQueueLooked, err
}

// maxQueueLooked bounds how many queued records are looked at to tell what is stored: some tens of milliseconds.
const maxQueueLooked = 20_000

// StoredLogs is Logs with what InfluxDB has of each.
func (s *Sequencer) StoredLogs(kind, subject string) ([]LogInfo, error) {
	infos, err := s.Logs(kind, subject)
	if err != nil || len(infos) == 0 {
		return infos, err
	}
	// The sizes come first: what is queued later is beyond them. The queue has a log's leaves in their order.
	waiting := map[[32]byte]uint64{}
	looked := 0
	err = s.db.Queued(0, func(_ uint64, kind journal.RecordKind, body []byte) (bool, error) {
		if looked++; looked > maxQueueLooked || kind != journal.MessageRecord {
			return looked <= maxQueueLooked, nil
		}
		log, leaf, err := journal.MessagePlace(body)
		if _, found := waiting[log]; !found {
			waiting[log] = leaf
		}
		return true, err
	})
	if err != nil {
		return nil, err
	}
	for i := range infos {
		var log [32]byte
		_, _ = hex.Decode(log[:], []byte(infos[i].Log)) // written by Logs
		first, found := waiting[log]
		if !found && looked > maxQueueLooked {
			continue
		}
		stored := infos[i].Size
		if found {
			stored = min(stored, first)
		}
		infos[i].Stored = &stored
	}
	return infos, nil
}

func (s *Sequencer) subjectLogs(kind, subject string) ([]*logState, error) {
	var ids [][32]byte
	prefix := journal.SubjectPrefix(kind, subject)
	if err := s.db.Scan(prefix, func(key, _ []byte) error {
		if id := key[len(prefix):]; len(id) == 32 {
			ids = append(ids, [32]byte(id))
		}
		return nil
	}); err != nil {
		return nil, err
	}
	var logs []*logState
	for _, id := range ids {
		l, err := s.log(id)
		if err != nil {
			return nil, err
		}
		if l != nil {
			logs = append(logs, l)
		}
	}
	return logs, nil
}

// Seal ends the logs of a shipment: later messages go to their tracker's own log, flagged after_close. The final heads go
// into the next anchor, marked closed. Sealing again changes nothing.
func (s *Sequencer) Seal(shipment string) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.turn()
	logs, err := s.subjectLogs(anchor.Shipment, shipment)
	if err != nil {
		return err
	}
	sealed, err := s.isSealed(shipment)
	if err != nil {
		return err
	}
	batch := s.db.Begin()
	if !sealed {
		batch.Set(journal.SealedKey(shipment), nil)
	}
	var changed []*logState
	for _, l := range logs {
		if l.Sealed {
			continue
		}
		l.Sealed = true
		changed = append(changed, l)
		batch.Set(journal.LogKey(l.id), l.encode())
	}
	if batch.Empty() {
		batch.Drop()
		return nil
	}
	if err := batch.Commit("seal"); err != nil {
		return joinReset(err, s.reset())
	}
	s.sealed.Put(shipment, true)
	for _, l := range changed {
		s.dirty[l.id] = l
	}
	return nil
}

// Final is what is sealed for one life of this instance: nil when it has no log of the shipment.
type Final struct {
	Ingest string
	Head   *ledger.FinalHead
}

// Finals are what this instance seals of a shipment whose logs have ended and whose final heads are anchored, its earlier lives first. There
// are none when nothing of this instance is on the ledger at all.
func (s *Sequencer) Finals(shipment string) (finals []Final, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.turn()
	logs, err := s.subjectLogs(anchor.Shipment, shipment)
	at := s.heads.last
	if err != nil || at.Size == 0 {
		return nil, err
	}
	for _, life := range ledger.Lives(s.cfg.Ingest) {
		f := Final{Ingest: life}
		// One for each life and shipment: the id follows from them.
		if i := slices.IndexFunc(logs, func(l *logState) bool { return cmp.Or(l.Ingest, s.cfg.Ingest) == life }); i >= 0 {
			l := logs[i]
			root := l.log.Root()
			proof, err := merkle.Inclusion(nodes{s.db, nil}, l.Head-1, at.Size)
			if err != nil {
				return nil, err
			}
			f.Head = &ledger.FinalHead{Size: l.log.Size(), Root: hex.EncodeToString(root[:]), Prev: l.HeadPrev, Index: l.Head - 1, Anchor: at.N, Proof: hexHashes(proof)}
		}
		finals = append(finals, f)
	}
	return finals, nil
}

// isSealed reports whether a shipment's logs have ended here.
func (s *Sequencer) isSealed(shipment string) (bool, error) {
	if sealed, ok := s.sealed.Get(shipment); ok || shipment == "" {
		return sealed, nil
	}
	sealed, err := s.db.Has(journal.SealedKey(shipment))
	if err == nil {
		s.sealed.Put(shipment, sealed)
	}
	return sealed, err
}

func encodeMS(ms int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(ms)) }

func decodeMS(b []byte) int64 {
	if len(b) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b))
}
