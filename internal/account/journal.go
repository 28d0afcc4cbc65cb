package account

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Journal is a sender's own record of what was sent and what ingest acknowledged: the oracle of an account. It is a text
// file: a JSON header, then lines "S tracker boot seq hash" (sent) and "A …" (acknowledged).
type Journal struct {
	f *os.File

	mu      sync.Mutex // guards all below
	waiting []byte     // lines that the file does not have yet
	book    *Book
}

// Header says what the journal is about.
type Header struct {
	Format    string   `json:"format"`
	Name      string   `json:"name"`
	Shipments []string `json:"shipments"`
}

const journalFormat = "trackseal/load/1"

// syncEvery is the pause between two synced groups of lines: nobody who sends waits for the disk.
const syncEvery = 20 * time.Millisecond

// NewJournal makes the file; it must not exist.
func NewJournal(path string, h Header) (*Journal, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	h.Format = journalFormat
	if err := json.NewEncoder(f).Encode(h); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Journal{f: f, book: NewBook()}, nil
}

// Book is what the journal says; use it when nothing is entered any more.
func (j *Journal) Book() *Book { return j.book }

// Sent enters a message before it is published: an acknowledgement of an unknown message would look like a phantom.
func (j *Journal) Sent(tracker string, p telemetry.Position, hash telemetry.Hash) {
	j.put('S', tracker, p, hash)
}

// Acked enters an acknowledgement by ingest.
func (j *Journal) Acked(tracker string, p telemetry.Position, hash telemetry.Hash) {
	j.put('A', tracker, p, hash)
}

func (j *Journal) put(kind byte, tracker string, p telemetry.Position, hash telemetry.Hash) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.waiting = fmt.Appendf(j.waiting, "%c %s %d %d %x\n", kind, tracker, p.Boot, p.Seq, hash)
	j.book.line(kind, tracker, p, hash)
}

func (b *Book) line(kind byte, tracker string, p telemetry.Position, hash telemetry.Hash) {
	if kind == 'A' {
		b.Acked(tracker, p, hash)
	} else {
		b.Sent(tracker, p, hash)
	}
}

// Run writes until ctx ends, and then what is still waiting. The book is an oracle only when it returned nil.
func (j *Journal) Run(ctx context.Context) error {
	for more := true; more; {
		more = service.Pause(ctx, syncEvery)
		if err := j.flush(); err != nil {
			return fmt.Errorf("journal: %w", errors.Join(err, j.f.Close()))
		}
	}
	return j.f.Close()
}

func (j *Journal) flush() error {
	j.mu.Lock()
	lines := j.waiting
	j.waiting = nil
	j.mu.Unlock()
	if len(lines) == 0 {
		return nil
	}
	_, err := j.f.Write(lines)
	return errors.Join(err, j.f.Sync())
}

// ReadJournal reads a journal back. A last line that a crash left half written is dropped.
func ReadJournal(r io.Reader) (Header, *Book, error) {
	f, err := Follow(r)
	if err == nil {
		err = f.Read()
	}
	if err != nil {
		return Header{}, nil, err
	}
	return f.Header, f.Book, nil
}

// Follower reads a journal while it grows.
type Follower struct {
	Header Header
	Book   *Book

	r    *bufio.Reader
	half string // of a line that is being written
	n    int    // lines read
}

// Follow reads the header.
func Follow(r io.Reader) (*Follower, error) {
	f := &Follower{r: bufio.NewReaderSize(r, 1<<20), Book: NewBook(), n: 1}
	first, err := f.r.ReadBytes('\n')
	if err != nil || json.Unmarshal(first, &f.Header) != nil || f.Header.Format != journalFormat {
		return nil, fmt.Errorf("not a journal of load: the first line must hold format %q", journalFormat)
	}
	return f, nil
}

// Read enters the whole lines that came since the last Read.
func (f *Follower) Read() error {
	for {
		part, err := f.r.ReadString('\n')
		f.half += part
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		line := f.half
		f.half, f.n = "", f.n+1
		var kind byte
		var tracker string
		var p telemetry.Position
		var hash []byte
		_, err = fmt.Sscanf(line, "%c %s %d %d %x\n", &kind, &tracker, &p.Boot, &p.Seq, &hash)
		if err != nil || len(hash) != len(telemetry.Hash{}) || kind != 'S' && kind != 'A' {
			return fmt.Errorf("journal line %d: %q is not \"S|A tracker boot seq hash\"", f.n, strings.TrimSpace(line))
		}
		f.Book.line(kind, tracker, p, telemetry.Hash(hash))
	}
}
