package device

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// FileStore is a Store in one append-only file. A record is its kind, its length, a CRC and a JSON body; a record that a
// crash left half written ends the file when it is read again. When acknowledged messages fill most of the file, what is
// left is written to a new one that takes its place.
type FileStore struct {
	path string
	f    *os.File
	size int64 // of the file
	base int64 // of the file after the last rewrite
	// failed says why the end of the file is not to be trusted any more.
	failed error
}

var _ Store = (*FileStore)(nil)

const (
	recordMessage = 1
	recordTrim    = 2
	recordHead    = 9 // kind, length, CRC
	maxRecord     = 1 << 26
	// rewriteAt is how far the file may grow before it is rewritten.
	rewriteAt = 1 << 20
)

var crcTable = crc32.MakeTable(crc32.Castagnoli)

// trimRecord is the state after a trim: which messages of the file are still wanted. Next and Prev carry the chain over a
// rewrite that leaves no message.
type trimRecord struct {
	Acked telemetry.Position   `json:"acked"`
	First telemetry.Position   `json:"first"`          // wanted from here on,
	Keep  []telemetry.Position `json:"keep,omitempty"` // and these before
	Gone  []uint64             `json:"gone,omitempty"` // but not these: plain messages acknowledged out of order
	Lost  []Range              `json:"lost,omitempty"`
	Next  telemetry.Position   `json:"next"`
	Prev  telemetry.Hash       `json:"prev"`
}

// OpenFile opens or makes the store at path.
func OpenFile(path string) (*FileStore, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return &FileStore{path: path, f: f}, nil
}

// Load reads the file and cuts off a half-written end.
func (s *FileStore) Load() (State, error) {
	if _, err := s.f.Seek(0, io.SeekStart); err != nil {
		return State{}, err
	}
	state, size, err := readState(bufio.NewReaderSize(s.f, 1<<16))
	if err != nil {
		return State{}, fmt.Errorf("%s: %w", s.path, err)
	}
	if err := s.torn(size); err != nil {
		return State{}, fmt.Errorf("%s: %w", s.path, err)
	}
	if err := s.f.Truncate(size); err != nil {
		return State{}, err
	}
	s.size, s.base = size, size
	_, err = s.f.Seek(size, io.SeekStart)
	return state, err
}

// ErrDamaged: what a crash does to a file is at its end. To cut the file where it is damaged elsewhere would lose messages in
// silence, and use their places in the chain again.
var ErrDamaged = errors.New("damaged before its end: messages that were signed cannot be read; put a whole copy back, or play another tracker")

// torn is nil when nothing but a record that a crash left unfinished follows the last whole one: one that reaches the end of
// the file, or zeros, which some file systems leave behind a length that was written before its data.
func (s *FileStore) torn(at int64) error {
	info, err := s.f.Stat()
	if err != nil {
		return err
	}
	rest := make([]byte, min(info.Size()-at, recordHead+maxRecord+1))
	if _, err := s.f.ReadAt(rest, at); err != nil {
		return err
	}
	if len(rest) < recordHead || len(bytes.TrimLeft(rest, "\x00")) == 0 {
		return nil
	}
	if n := int64(binary.BigEndian.Uint32(rest[1:])); n <= maxRecord && at+recordHead+n < info.Size() {
		return fmt.Errorf("byte %d: %w", at, ErrDamaged)
	}
	return nil
}

// readState replays records; size is where the last whole one ends.
func readState(r io.Reader) (state State, size int64, err error) {
	for {
		kind, body, err := readRecord(r)
		if errors.Is(err, io.EOF) || kind == 0 {
			return state, size, nil
		}
		switch kind {
		case recordMessage:
			var m Message
			if err := json.Unmarshal(body, &m); err != nil {
				return state, size, fmt.Errorf("message record at byte %d: %w", size, err)
			}
			state.Queued = append(state.Queued, m)
			state.Next, state.Prev = telemetry.Position{Boot: m.Pos.Boot, Seq: m.Pos.Seq + 1}, m.Hash
		case recordTrim:
			var t trimRecord
			if err := json.Unmarshal(body, &t); err != nil {
				return state, size, fmt.Errorf("trim record at byte %d: %w", size, err)
			}
			t.apply(&state)
		default:
			return state, size, fmt.Errorf("record at byte %d has unknown kind %d", size, kind)
		}
		size += recordHead + int64(len(body))
	}
}

func (t trimRecord) apply(state *State) {
	gone := make(map[uint64]bool, len(t.Gone))
	for _, seq := range t.Gone {
		gone[seq] = true
	}
	kept := state.Queued[:0]
	for _, m := range state.Queued {
		if slices.Contains(t.Keep, m.Pos) || !m.Pos.Less(t.First) && !gone[m.Pos.Seq] {
			kept = append(kept, m)
		}
	}
	state.Queued, state.Lost = kept, t.Lost
	if t.Next != (telemetry.Position{}) {
		state.Next, state.Prev = t.Next, t.Prev
	}
}

// readRecord answers io.EOF at the end, and also for a last record that is not whole.
func readRecord(r io.Reader) (kind byte, body []byte, err error) {
	var head [recordHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, io.EOF
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxRecord {
		return 0, nil, io.EOF
	}
	body = make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil || crc32.Checksum(body, crcTable) != binary.BigEndian.Uint32(head[5:]) {
		return 0, nil, io.EOF
	}
	return head[0], body, nil
}

func record(kind byte, v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	b := make([]byte, recordHead, recordHead+len(body))
	b[0] = kind
	binary.BigEndian.PutUint32(b[1:], uint32(len(body)))
	binary.BigEndian.PutUint32(b[5:], crc32.Checksum(body, crcTable))
	return append(b, body...), nil
}

// Append writes and syncs one message.
func (s *FileStore) Append(m Message) error {
	b, err := record(recordMessage, m)
	if err != nil {
		return err
	}
	at := s.size
	if err := s.write(b); err != nil {
		return err
	}
	if err := s.f.Sync(); err != nil {
		return errors.Join(err, s.back(at))
	}
	return nil
}

// Trim notes what is left. It is not synced: forgetting it costs only duplicates, which ingest drops.
func (s *FileStore) Trim(acked telemetry.Position, queued []Message, lost []Range) error {
	t := trimRecord{Acked: acked, Lost: lost, First: telemetry.Position{Boot: ^uint64(0)}}
	starts := leadingStarts(queued)
	for _, m := range queued[:starts] {
		t.Keep = append(t.Keep, m.Pos)
	}
	if rest := queued[starts:]; len(rest) > 0 {
		t.First = rest[0].Pos
		if t.First.Boot == 0 { // plain messages leave in any order
			t.Gone = holes(rest)
		}
	}
	b, err := record(recordTrim, t)
	if err != nil {
		return err
	}
	if err := s.write(b); err != nil {
		return err
	}
	if s.size-s.base < rewriteAt {
		return nil
	}
	return s.rewrite()
}

// holes are the sequence numbers missing between plain messages.
func holes(queue []Message) (gone []uint64) {
	for i := 1; i < len(queue); i++ {
		for seq := queue[i-1].Pos.Seq + 1; seq < queue[i].Pos.Seq; seq++ {
			gone = append(gone, seq)
		}
	}
	return gone
}

func (s *FileStore) write(b []byte) error {
	if s.failed != nil {
		return s.failed
	}
	if _, err := s.f.Write(b); err != nil {
		return errors.Join(err, s.back(s.size))
	}
	s.size += int64(len(b))
	return nil
}

// back takes away what a full disk let in of a record: another one behind it would never be found again. A file that cannot
// be cut takes no more.
func (s *FileStore) back(at int64) error {
	err := s.f.Truncate(at)
	if err == nil {
		_, err = s.f.Seek(at, io.SeekStart)
	}
	if err != nil {
		s.failed = fmt.Errorf("%s: %w", s.path, err)
	}
	s.size = at
	return err
}

// rewrite replaces the file by one with the same state. A crash before the rename leaves the old file, after it the new
// one; both are whole.
func (s *FileStore) rewrite() error {
	if _, err := s.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	state, _, err := readState(bufio.NewReaderSize(s.f, 1<<16))
	if err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	f, err := os.OpenFile(s.path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	fresh := &FileStore{path: s.path, f: f}
	if err := fresh.fill(state); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := os.Rename(s.path+".new", s.path); err != nil {
		return errors.Join(err, f.Close())
	}
	err = errors.Join(s.f.Close(), syncDir(filepath.Dir(s.path)))
	fresh.base = fresh.size
	*s = *fresh
	return err
}

func (s *FileStore) fill(state State) error {
	for _, m := range state.Queued {
		b, err := record(recordMessage, m)
		if err != nil {
			return err
		}
		if err := s.write(b); err != nil {
			return err
		}
	}
	// First is the zero position: every message above is wanted.
	b, err := record(recordTrim, trimRecord{Lost: state.Lost, Next: state.Next, Prev: state.Prev})
	if err != nil {
		return err
	}
	if err := s.write(b); err != nil {
		return err
	}
	return s.f.Sync()
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Close closes the file.
func (s *FileStore) Close() error { return s.f.Close() }
