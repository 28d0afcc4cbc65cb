package device

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// FileStore is a Store in a file, which one process at a time may have open. An Append is one synced transaction; what a Trim
// takes away goes with the next of them, since a crash in between only makes the tracker send again.
type FileStore struct {
	db    *bolt.DB
	gone  [][]byte // keys that the file still has
	chain chainState
	stale bool // the file does not have the last Trim
}

// Errors of a store.
var (
	ErrInUse   = errors.New("in use by another process")
	ErrDamaged = errors.New("damaged: messages that were signed cannot be read; put a whole copy back, or play another tracker")
)

var (
	queueBucket = []byte("queue") // position -> message
	chainBucket = []byte("chain")
	chainKey    = []byte("now")
)

// chainState is all but the queue.
type chainState struct {
	Next telemetry.Position `json:"next"`
	Prev telemetry.Hash     `json:"prev"`
	Lost []Range            `json:"lost,omitempty"`
}

// trimAt is how many trimmed messages the file may keep without an Append.
const trimAt = 256

// OpenFile opens or makes the store at path.
func OpenFile(path string) (s *FileStore, err error) {
	defer damaged(path, debug.SetPanicOnFault(true), &err)
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: 100 * time.Millisecond})
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, fmt.Errorf("%s: %w", path, ErrInUse)
	}
	if errors.Is(err, berrors.ErrInvalid) || errors.Is(err, berrors.ErrChecksum) || errors.Is(err, berrors.ErrVersionMismatch) {
		return nil, fmt.Errorf("%s: %w: %w", path, ErrDamaged, err)
	}
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		_, err1 := tx.CreateBucketIfNotExists(queueBucket)
		_, err2 := tx.CreateBucketIfNotExists(chainBucket)
		return errors.Join(err1, err2)
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &FileStore{db: db}, nil
}

// damaged catches bbolt's panic about a page that is none, and the fault behind the end of a file that was cut.
func damaged(path string, before bool, err *error) {
	debug.SetPanicOnFault(before)
	if p := recover(); p != nil {
		*err = fmt.Errorf("%s: %w: %v", path, ErrDamaged, p)
	}
}

// key orders messages as the queue does.
func key(p telemetry.Position) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, p.Boot), p.Seq)
}

// Load reads what is there. Each message must be the one that was signed: to go on behind a damaged one would use its place in
// the chain again.
func (s *FileStore) Load() (state State, err error) {
	defer damaged(s.db.Path(), debug.SetPanicOnFault(true), &err)
	err = s.db.View(func(tx *bolt.Tx) error {
		if raw := tx.Bucket(chainBucket).Get(chainKey); raw != nil {
			if err := json.Unmarshal(raw, &s.chain); err != nil {
				return err
			}
		}
		return tx.Bucket(queueBucket).ForEach(func(_, raw []byte) error {
			var m Message
			if err := json.Unmarshal(raw, &m); err != nil {
				return err
			}
			if !m.whole() || !m.Pos.Less(s.chain.Next) {
				return fmt.Errorf("message %d/%d is not what was signed", m.Pos.Boot, m.Pos.Seq)
			}
			state.Queued = append(state.Queued, m)
			return nil
		})
	})
	if err != nil {
		return State{}, fmt.Errorf("%s: %w: %w", s.db.Path(), ErrDamaged, err)
	}
	state.Next, state.Prev, state.Lost = s.chain.Next, s.chain.Prev, slices.Clone(s.chain.Lost)
	return state, nil
}

// whole reports whether the bytes are those of the hash.
func (m Message) whole() bool {
	if m.Pos.Boot == 0 {
		return sha256.Sum256(m.Raw) == m.Hash
	}
	signed, err := telemetry.Decode(m.Raw)
	return err == nil && signed.COSEHash == m.Hash
}

// Append writes and syncs one message.
func (s *FileStore) Append(m Message) error {
	before := s.chain
	s.chain.Next, s.chain.Prev = telemetry.Position{Boot: m.Pos.Boot, Seq: m.Pos.Seq + 1}, m.Hash
	err := s.write(&m)
	if err != nil {
		s.chain = before
	}
	return err
}

// Trim notes what is left.
func (s *FileStore) Trim(gone []Message, lost []Range) error {
	for _, m := range gone {
		s.gone = append(s.gone, key(m.Pos))
	}
	s.chain.Lost, s.stale = slices.Clone(lost), true
	if len(s.gone) < trimAt {
		return nil
	}
	return s.write(nil)
}

// write is one transaction: it takes away what is gone, and adds a message where there is one.
func (s *FileStore) write(m *Message) error {
	err := s.db.Update(func(tx *bolt.Tx) error {
		queue := tx.Bucket(queueBucket)
		for _, k := range s.gone {
			if err := queue.Delete(k); err != nil {
				return err
			}
		}
		if m != nil {
			raw, err := json.Marshal(m)
			if err != nil {
				return err
			}
			if err := queue.Put(key(m.Pos), raw); err != nil {
				return err
			}
		}
		chain, err := json.Marshal(s.chain)
		if err != nil {
			return err
		}
		return tx.Bucket(chainBucket).Put(chainKey, chain)
	})
	if err == nil {
		s.gone, s.stale = s.gone[:0], false
	}
	return err
}

// Close writes what was trimmed and closes the file. It may be called again.
func (s *FileStore) Close() error {
	var err error
	if s.stale {
		err = s.write(nil)
	}
	return errors.Join(err, s.db.Close())
}
