package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
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
	{"plain messages", []byte{prefixPlain}}, {"nodes of the heads log", []byte{prefixHeadNode}}, {"heads", []byte{prefixHead}}, {"values", []byte{prefixMeta}},
	{"sealed shipments", []byte{prefixSealed}}, {"subjects", []byte{prefixSubject}}, {"trackers", TrackersPrefix}, {"shipments", ShipmentPrefix},
	{"assignments", []byte{prefixAssigned}}, {"records kept aside", AsidePrefix}, {"refused messages", []byte{prefixQuarantine}},
}

// Prefixes to scan.
var (
	PositionPrefix = []byte{prefixTracker}
	SeenPrefix     = []byte{prefixSeen}
	AsidePrefix    = []byte{prefixAside}
)

// Record reads a queued record by its number, nil when it is not there.
func (db *DB) Record(n uint64) ([]byte, error) {
	key := queueKey(n)
	return db.Get(key[:])
}
