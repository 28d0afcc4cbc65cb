package load

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
	"github.com/trackseal/trackseal/tracker-sim/internal/account"
)

// Journal is the generator's own record of what was sent and what ingest acknowledged: the oracle of the final account.
// It is a text file: a JSON header, then lines "S tracker boot seq hash" (sent) and "A …" (acknowledged).
type Journal struct {
	f *os.File

	mu      sync.Mutex // guards all below
	waiting []byte     // lines that the file does not have yet
	book    *account.Book
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
	return &Journal{f: f, book: account.NewBook()}, nil
}

// put adds a line.
func (j *Journal) put(kind byte, tracker string, p telemetry.Position, hash telemetry.Hash) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.waiting = fmt.Appendf(j.waiting, "%c %s %d %d %x\n", kind, tracker, p.Boot, p.Seq, hash)
	enter(j.book, kind, tracker, p, hash)
}

func enter(b *account.Book, kind byte, tracker string, p telemetry.Position, hash telemetry.Hash) {
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
func ReadJournal(r io.Reader) (h Header, book *account.Book, err error) {
	br := bufio.NewReaderSize(r, 1<<20)
	first, err := br.ReadBytes('\n')
	if err != nil || json.Unmarshal(first, &h) != nil || h.Format != journalFormat {
		return h, nil, fmt.Errorf("not a journal of load: the first line must hold format %q", journalFormat)
	}
	book = account.NewBook()
	for n := 2; ; n++ {
		line, err := br.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return h, book, nil
		}
		if err != nil {
			return h, nil, err
		}
		var kind byte
		var tracker string
		var p telemetry.Position
		var hash []byte
		_, err = fmt.Sscanf(line, "%c %s %d %d %x\n", &kind, &tracker, &p.Boot, &p.Seq, &hash)
		if err != nil || len(hash) != len(telemetry.Hash{}) || kind != 'S' && kind != 'A' {
			return h, nil, fmt.Errorf("journal line %d: %q is not \"S|A tracker boot seq hash\"", n, strings.TrimSpace(line))
		}
		enter(book, kind, tracker, p, telemetry.Hash(hash))
	}
}
