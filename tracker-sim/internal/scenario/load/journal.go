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

	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/account"
)

// Journal is the generator's own record of what was sent and what ingest acknowledged: the oracle of the final account.
// It is a text file: a JSON header, then lines "S tracker boot seq hash" (sent) and "A …" (acknowledged). Lines are synced
// in groups, and only then entered in the book.
type Journal struct {
	f    *os.File
	in   chan entry
	done chan struct{} // closed when Run has ended: nobody takes entries any more
	book *account.Book
}

type entry struct {
	kind    byte // 'S' or 'A'
	tracker string
	pos     telemetry.Position
	hash    telemetry.Hash
}

// Header says what the journal is about.
type Header struct {
	Format    string   `json:"format"`
	Name      string   `json:"name"`
	Shipments []string `json:"shipments"`
}

const journalFormat = "trackseal/load/1"

// groupLines bounds one synced group.
const groupLines = 4096

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
	return &Journal{f: f, in: make(chan entry, 4*groupLines), done: make(chan struct{}), book: account.NewBook()}, nil
}

// put queues a line; it waits when the disk is behind.
func (j *Journal) put(kind byte, tracker string, p telemetry.Position, hash telemetry.Hash) {
	select {
	case j.in <- entry{kind, tracker, p, hash}:
	case <-j.done:
	}
}

// Run writes until ctx ends, and then what is still queued.
func (j *Journal) Run(ctx context.Context) error {
	defer close(j.done)
	w := bufio.NewWriterSize(j.f, 1<<20)
	for ended := false; ; {
		var group []entry
		if !ended {
			select {
			case e := <-j.in:
				group = append(group, e)
			case <-ctx.Done():
				ended = true
			}
		}
		for more := true; more && len(group) < groupLines; {
			select {
			case e := <-j.in:
				group = append(group, e)
			default:
				more = false
			}
		}
		if len(group) == 0 {
			return j.f.Close()
		}
		if err := j.write(w, group); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
	}
}

func (j *Journal) write(w *bufio.Writer, group []entry) error {
	for _, e := range group {
		fmt.Fprintf(w, "%c %s %d %d %x\n", e.kind, e.tracker, e.pos.Boot, e.pos.Seq, e.hash) // Flush returns the error
	}
	if err := errors.Join(w.Flush(), j.f.Sync()); err != nil {
		return err
	}
	for _, e := range group {
		e.enter(j.book)
	}
	return nil
}

func (e entry) enter(b *account.Book) {
	if e.kind == 'A' {
		b.Acked(e.tracker, e.pos, e.hash)
	} else {
		b.Sent(e.tracker, e.pos, e.hash)
	}
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
		var e entry
		var hash []byte
		_, err = fmt.Sscanf(line, "%c %s %d %d %x\n", &e.kind, &e.tracker, &e.pos.Boot, &e.pos.Seq, &hash)
		if copy(e.hash[:], hash); err != nil || len(hash) != len(e.hash) || e.kind != 'S' && e.kind != 'A' {
			return h, nil, fmt.Errorf("journal line %d: %q is not \"S|A tracker boot seq hash\"", n, strings.TrimSpace(line))
		}
		e.enter(book)
	}
}
