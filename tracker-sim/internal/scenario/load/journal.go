package load

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
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
	line, err := json.Marshal(h)
	if err == nil {
		_, err = f.Write(append(line, '\n'))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Journal{f: f, in: make(chan entry, 4*groupLines), done: make(chan struct{}), book: account.NewBook()}, nil
}

// Sent and Acked queue a line; they wait when the disk is behind.
func (j *Journal) Sent(tracker string, p telemetry.Position, hash telemetry.Hash) {
	j.put(entry{'S', tracker, p, hash})
}

// Acked queues the line of an acknowledgement.
func (j *Journal) Acked(tracker string, p telemetry.Position, hash telemetry.Hash) {
	j.put(entry{'A', tracker, p, hash})
}

func (j *Journal) put(e entry) {
	select {
	case j.in <- e:
	case <-j.done:
	}
}

// Run writes until ctx ends, and then what is still queued.
func (j *Journal) Run(ctx context.Context) error {
	defer close(j.done)
	w := bufio.NewWriterSize(j.f, 1<<20)
	group := make([]entry, 0, groupLines)
	for {
		group = group[:0]
		select {
		case e := <-j.in:
			group = append(group, e)
		case <-ctx.Done():
			select {
			case e := <-j.in:
				group = append(group, e)
			default:
				return j.f.Close()
			}
		}
	more:
		for len(group) < groupLines {
			select {
			case e := <-j.in:
				group = append(group, e)
			default:
				break more
			}
		}
		if err := j.write(w, group); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
	}
}

func (j *Journal) write(w *bufio.Writer, group []entry) error {
	sync := false
	for _, e := range group {
		fmt.Fprintf(w, "%c %s %d %d %x\n", e.kind, e.tracker, e.pos.Boot, e.pos.Seq, e.hash) // Flush returns the error
		sync = sync || e.kind == 'A'
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if sync {
		if err := j.f.Sync(); err != nil {
			return err
		}
	}
	for _, e := range group {
		enter(j.book, e)
	}
	return nil
}

func enter(b *account.Book, e entry) {
	if e.kind == 'A' {
		b.Acked(e.tracker, e.pos, e.hash)
	} else {
		b.Sent(e.tracker, e.pos, e.hash)
	}
}

// ReadJournal reads a journal back. A last line that a crash left half written is dropped.
func ReadJournal(r io.Reader) (Header, *account.Book, error) {
	var h Header
	br := bufio.NewReaderSize(r, 1<<20)
	first, err := br.ReadBytes('\n')
	if err != nil || json.Unmarshal(first, &h) != nil || h.Format != journalFormat {
		return h, nil, fmt.Errorf("not a journal of load: the first line must hold format %q", journalFormat)
	}
	book := account.NewBook()
	for n := 2; ; n++ {
		line, err := br.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return h, book, nil
		}
		if err != nil {
			return h, nil, err
		}
		e, err := parseEntry(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return h, nil, fmt.Errorf("journal line %d: %w", n, err)
		}
		enter(book, e)
	}
}

func parseEntry(line string) (entry, error) {
	f := strings.Split(line, " ")
	if len(f) != 5 || f[0] != "S" && f[0] != "A" {
		return entry{}, fmt.Errorf("%q is not \"S|A tracker boot seq hash\"", line)
	}
	boot, err1 := strconv.ParseUint(f[2], 10, 64)
	seq, err2 := strconv.ParseUint(f[3], 10, 32)
	hash, err3 := hex.DecodeString(f[4])
	if err := errors.Join(err1, err2, err3); err != nil {
		return entry{}, err
	}
	e := entry{kind: f[0][0], tracker: f[1], pos: telemetry.Position{Boot: boot, Seq: seq}}
	if copy(e.hash[:], hash); len(hash) != len(e.hash) {
		return entry{}, fmt.Errorf("hash %q must have 32 bytes", f[4])
	}
	return e, nil
}
