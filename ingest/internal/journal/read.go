package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/record"
)

// ErrDamaged: Pebble cannot read its files any more.
var ErrDamaged = errors.New("the journal's files are damaged")

// ErrInUse: an ingest runs on the journal.
var ErrInUse = errors.New("an ingest is running on this journal")

// Read calls fn with the journal in dir, which stays as it is. What is damaged is an error that wraps ErrDamaged, and no crash: Pebble panics,
// or asks for the end of the process, where a running ingest must not go on.
func Read(dir string, fn func(*DB) error) (err error) {
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, r)
		}
	}()
	db := &DB{opts: Options{Log: slog.New(slog.DiscardHandler), MaxBytes: math.MaxInt64}, dir: dir, closed: make(chan struct{})}
	db.pebble, err = pebble.Open(dir, &pebble.Options{ReadOnly: true, ErrorIfNotExists: true, Logger: fatalPanics{}})
	switch {
	case errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) || err != nil && strings.Contains(err.Error(), "lock held"):
		return fmt.Errorf("%s: %w", dir, ErrInUse)
	case errors.Is(err, pebble.ErrDBDoesNotExist):
		return fmt.Errorf("%w: %s holds no journal, or its CURRENT or MANIFEST is gone", ErrDamaged, dir)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	defer func() { err = errors.Join(err, damaged(db.pebble.Close())) }()
	if err := db.findQueue(); err != nil {
		return damaged(err)
	}
	return fn(db)
}

func damaged(err error) error {
	if err == nil || errors.Is(err, ErrDamaged) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// fatalPanics makes of Pebble's last words what Read catches.
type fatalPanics struct{}

func (fatalPanics) Infof(string, ...any)  {}
func (fatalPanics) Errorf(string, ...any) {}
func (fatalPanics) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}

// Kind of keys, and what they hold, for who looks at all of them.
type Kind struct {
	Name   string
	Prefix []byte
}

// Kinds of keys that there are.
var Kinds = []Kind{
	{"queue", []byte{prefixQueue}}, {"logs", LogPrefix}, {"positions", PositionPrefix}, {"seen messages", []byte{prefixSeen}}, {"forks", []byte{prefixFork}},
	{"plain messages", []byte{prefixPlain}}, {"messages by their ids", []byte{prefixNamed}}, {"counters", CounterPrefix}, {"nodes of the heads log", []byte{prefixHeadNode}}, {"heads", []byte{prefixHead}}, {"values", []byte{prefixMeta}},
	{"sealed shipments", []byte{prefixSealed}}, {"subjects", []byte{prefixSubject}}, {"trackers", TrackersPrefix}, {"shipments", ShipmentPrefix},
	{"assignments", []byte{prefixAssigned}}, {"trackers by secret", []byte{prefixSecret}}, {"trackers by gateway", []byte{prefixDevice}}, {"profiles", []byte{prefixProfile}}, {"records kept aside", AsidePrefix}, {"refused messages", []byte{prefixQuarantine}},
}

// Prefixes to scan.
var (
	PositionPrefix = []byte{prefixTracker}
	CounterPrefix  = []byte{prefixCounter}
	SeenPrefix     = []byte{prefixSeen}
	AsidePrefix    = []byte{prefixAside}
)

// Record reads a queued record by its number, nil when it is not there.
func (db *DB) Record(n uint64) ([]byte, error) {
	key := queueKey(n)
	return db.Get(key[:])
}

// Torn names the write-ahead logs that end in a record that is not whole. Pebble passes over it, as it must: a crash leaves such an end, of
// what was not acknowledged yet. Without a crash it was, and is gone.
func Torn(dir string) (names []string, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		n, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(path), ".log"), 10, 32)
		if err != nil {
			continue
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
		if torn(reader(record.NewReader, bytes.NewReader(raw), n)) {
			names = append(names, filepath.Base(path))
		}
	}
	return names, nil
}

// reader: the type of a file's number is Pebble's own.
func reader[N ~uint64](open func(io.Reader, N) *record.Reader, r io.Reader, n uint64) *record.Reader {
	return open(r, N(n))
}

func torn(r *record.Reader) bool {
	for {
		one, err := r.Next()
		if err == nil {
			_, err = io.Copy(io.Discard, one)
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF), errors.Is(err, record.ErrZeroedChunk):
			return false
		default:
			return true
		}
	}
}
