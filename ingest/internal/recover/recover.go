// Package recover makes an ingest instance's journal again when it cannot go on: it was lost, or an older copy of it was put back. What InfluxDB and the
// ledger hold becomes a new journal, in which the instance goes on in its next life (ledger.LifeOf).
//
// Every log that is stored stays as it is, leaf for leaf, and the next life's heads log begins with the heads of all of them. What has no place any
// more, because leaves before it are lost, is logged again in the next life's logs, and its old points are deleted. What the old journal knew and nobody
// holds is named, message by message.
//
// Where InfluxDB is lost as well, it is filled first from the copies that other parties have (Fill).
//
// Crash order: what is filled is leaves before the head that covers them, and is written again by the next run. The new journal is made in a folder beside the old one. Before it takes the old one's place nothing has changed, and whoever
// runs it again begins anew. After that it says itself what is left to do, which is only to delete points; ingest does not start before. Running
// it again goes on there. The old journal is kept.
package recover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/sequence"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
)

// Ledger is the Fabric channel, as the ingest user of the operator. Errors are those of package ledger.
type Ledger interface {
	Evaluate(ctx context.Context, fn string, arg any) ([]byte, error)
	Network(ctx context.Context) ([]ledger.Node, error)
}

// Store is the operator's InfluxDB.
type Store interface {
	Logs(ctx context.Context) ([]stored.LogTags, error)
	Messages(ctx context.Context, log string, from, to uint64, fn func(stored.Message) error) error
	Heads(ctx context.Context, log string) ([]stored.Head, error)
	Delete(ctx context.Context, points []stored.Place) error
}

// Config says of which instance.
type Config struct {
	ID      string // of the instance, as configured
	Org     string // the operator's, as its nodes name it
	Channel string
	Dir     string // ingest's, with the journal in it
	Ledger  Ledger
	Store   Store
	// Fill, if set, comes first: InfluxDB was lost as well.
	Fill *Fill
	// AcceptLoss goes on although leaves that are anchored are not stored any more. Their logs end before them for good.
	AcceptLoss bool
	Journal    journal.Options
	Log        *slog.Logger
	Now        func() time.Time
	// Step, if set, is called after each step; its error ends the run. Tests.
	Step func(name string) error
}

// Account of what was done.
type Account struct {
	// Filled is what came from other parties; nil when nobody was asked.
	Filled *Filled
	// Fits: the journal goes on, and nothing was done, but for what an earlier run had left.
	Fits bool
	Life int
	Logs int
	// Kept leaves have their places, Queued of them were in the old journal alone. Again were logged in another place.
	Kept, Queued, Again uint64
	// Cut are the logs that end before leaves that were anchored.
	Cut []Cut
	// Lost are messages that were received and are nowhere; LostFile names each.
	Lost     int
	LostFile string
	Old      string // where the old journal is
	Deleted  int    // points
}

// Cut is a log that ends before leaves that were anchored.
type Cut struct {
	Log, Subject string
	Stored       uint64
	Anchored     uint64
}

var (
	// ErrRunning: ingest has the journal.
	ErrRunning = errors.New("ingest is running: stop it first")
	// ErrAnchoredLost: leaves that are anchored are not stored. Another copy may have them.
	ErrAnchoredLost = errors.New("anchored leaves are not in InfluxDB")
	// ErrDiffers: what is stored is not what was anchored.
	ErrDiffers = errors.New("InfluxDB does not hold what was anchored")
	// ErrLedger: what the ledger says may not be all.
	ErrLedger = errors.New("the ledger cannot be relied on now")
)

// Run does all of it.
func Run(ctx context.Context, cfg Config) (*Account, error) {
	if cfg.Channel == "" {
		cfg.Channel = ledger.Channel
	}
	r := &run{Config: cfg, a: &Account{}, dir: filepath.Join(cfg.Dir, "journal"), fresh: filepath.Join(cfg.Dir, "journal.new")}
	if err := r.place(); err != nil { // a crash between the two renames
		return nil, err
	}
	if r.Fill != nil {
		r.a.Filled = &Filled{}
		if err := r.fill(ctx); err != nil {
			return nil, err
		}
	}
	if err := r.decide(ctx); err != nil {
		return nil, err
	}
	if !r.a.Fits {
		if err := r.rebuild(ctx); err != nil {
			return nil, errors.Join(err, os.RemoveAll(r.fresh))
		}
		if err := r.swap(); err != nil {
			return nil, err
		}
	}
	return r.a, r.finish(ctx)
}

type run struct {
	Config
	a          *Account
	dir, fresh string
	life       string // id of the life that goes on
	lives      []string
	old        *journal.DB // nil: there is none that can be read
}

func (r *run) step(name string) error {
	if r.Step == nil {
		return nil
	}
	return r.Step(name)
}

// decide compares the journal with the ledger, and opens it when it has to be made again.
func (r *run) decide(ctx context.Context) error {
	if err := r.upToDate(ctx); err != nil {
		return err
	}
	newest, life, err := r.newest(ctx)
	if err != nil {
		return err
	}
	old, err := r.open()
	if err != nil {
		return err
	}
	next := max(life, 1)
	if newest.Size > 0 {
		next = life + 1
	}
	if next > ledger.MaxLives {
		return errors.Join(fmt.Errorf("%s has had %d lives, which is the most: retire it and begin another instance", r.ID, life), closed(old))
	}
	if old != nil {
		fits, err := r.fits(ctx, old, newest, life, next)
		if err != nil {
			return errors.Join(err, old.Close())
		}
		if fits {
			r.a.Fits = true
			return old.Close()
		}
	}
	r.old, r.a.Life, r.life = old, next, ledger.LifeID(r.ID, next)
	r.lives = ledger.Lives(r.life)
	return nil
}

func closed(db *journal.DB) error {
	if db == nil {
		return nil
	}
	return db.Close()
}

// open opens the journal that is there.
func (r *run) open() (*journal.DB, error) {
	entries, err := os.ReadDir(r.dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if journal.Exists(r.dir) && journal.InUse(r.dir) {
		return nil, ErrRunning
	}
	db, err := journal.Open(r.dir, r.Journal)
	if err != nil {
		r.Log.Warn("the journal cannot be read: going on without it", "err", err)
		return nil, nil
	}
	return db, nil
}

// fits reports whether the journal goes on as it is.
func (r *run) fits(ctx context.Context, old *journal.DB, newest ledger.Head, newestLife, next int) (bool, error) {
	if left, err := old.Unfinished(); err != nil || left != nil {
		return left != nil, err
	}
	life, err := old.Life()
	if err != nil {
		return false, err
	}
	seq, err := sequence.Open(old, sequence.Config{Channel: r.Channel, Ingest: ledger.LifeID(r.ID, life)})
	if err != nil {
		r.Log.Warn("the journal is damaged", "err", err)
		return false, nil
	}
	if newest.Size == 0 || life != newestLife {
		newest = ledger.Head{} // of the journal's life, if that is to come
	}
	at, err := seq.PlaceOf(newest.Size, newest.Root)
	switch {
	case err != nil || at == sequence.Foreign:
		return false, nil // an error says that a part of the heads log is missing
	case at == sequence.Older:
		return false, fmt.Errorf("%w: the journal knows of newer anchors than the peer of %s", ErrLedger, r.Org)
	case newest.Size == 0 && life != next:
		return false, nil
	}
	more, err := r.storeHasMore(ctx, seq, next)
	return !more, err
}

// storeHasMore reports whether InfluxDB has leaves that the journal has not. The ledger cannot tell of those that were not anchored yet.
func (r *run) storeHasMore(ctx context.Context, seq *sequence.Sequencer, life int) (bool, error) {
	r.lives = ledger.Lives(ledger.LifeID(r.ID, life))
	known, err := r.known(ctx)
	if err != nil {
		return false, err
	}
	logs, err := r.Store.Logs(ctx)
	if err != nil {
		return false, err
	}
	looked := map[string]bool{}
	for _, l := range logs {
		of, ok := known[l.Log]
		if !ok || looked[l.Log] {
			continue
		}
		looked[l.Log] = true
		log, _, err := seq.Log(anchor.LogID(r.Channel, of.kind, of.id, of.openTx, of.life))
		if err != nil {
			return false, err
		}
		err = r.Store.Messages(ctx, l.Log, log.Size, 0, func(stored.Message) error { return errMore })
		if errors.Is(err, errMore) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

var errMore = errors.New("more")

// newest is the ledger's newest head of the newest life that has one.
func (r *run) newest(ctx context.Context) (newest ledger.Head, life int, err error) {
	for life = 1; life <= ledger.MaxLives; life++ {
		id := anchor.HeadsID(r.Channel, ledger.LifeID(r.ID, life))
		h, err := ledger.AnchorHead.Ask(ctx, r.Ledger, ledger.IDArgs{ID: sequence.HexLog(id)})
		if ledger.CodeOf(err) == ledger.NotFound {
			break
		}
		if err != nil {
			return newest, 0, fmt.Errorf("%w: %w", ErrLedger, err)
		}
		newest = h
	}
	return newest, life - 1, nil
}

// behindMost is how many blocks the own peer may be behind the others.
const behindMost = 5

// upToDate asks whether the own peer has what the others have: an answer that is old would begin a life too early.
func (r *run) upToDate(ctx context.Context) error {
	nodes, err := r.Ledger.Network(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLedger, err)
	}
	own, highest := uint64(0), uint64(0)
	for _, n := range nodes {
		if n.Role != "peer" || !n.Up {
			continue
		}
		highest = max(highest, n.Height)
		if n.Org == r.Org {
			own = n.Height
		}
	}
	switch {
	case own == 0:
		return fmt.Errorf("%w: the peer of %s does not answer", ErrLedger, r.Org)
	case own+behindMost < highest:
		return fmt.Errorf("%w: the peer of %s has %d blocks, others have %d; wait until it has caught up", ErrLedger, r.Org, own, highest)
	}
	return nil
}
