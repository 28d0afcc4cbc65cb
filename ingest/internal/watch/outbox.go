package watch

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Ledger takes the transactions. Errors are those of package ledger.
type Ledger interface {
	Submit(ctx context.Context, fn string, arg any) (ledger.Result, error)
	Evaluate(ctx context.Context, fn string, arg any) ([]byte, error)
	MSP() string
}

// transaction waits in the outbox until the ledger has it or refuses it for good.
type transaction struct {
	Shipment  string            `json:"shipment"`
	Fn        string            `json:"fn"`
	Excursion *ledger.Excursion `json:"excursion,omitempty"`
	Verdict   *ledger.Verdict   `json:"verdict,omitempty"`
	// Void closes an excursion that later readings took back: its end is its start, which only the ledger still knows.
	Void bool `json:"void,omitempty"`
	// Tracker of a breach claim.
	Tracker string `json:"tracker,omitempty"`
}

// outbox submits transactions durably: in order within a shipment, several shipments at once.
type outbox struct {
	db     *journal.DB
	ledger Ledger
	log    *slog.Logger
	wake   chan struct{}
	failed atomic.Uint64
	// claim makes the argument of a breach claim. It is made when it is submitted: the message is in InfluxDB, and the outbox
	// stays small.
	claim func(ctx context.Context, tx transaction) (ledger.BreachArgs, error)

	mu    sync.Mutex
	next  uint64
	items []item // by number
	moved chan struct{}
}

type item struct {
	n  uint64
	tx transaction
}

// parallel is how many shipments' transactions are under way at once.
const parallel = 8

func newOutbox(db *journal.DB, l Ledger, log *slog.Logger) *outbox {
	return &outbox{db: db, ledger: l, log: log, wake: make(chan struct{}, 1), moved: make(chan struct{})}
}

func (o *outbox) load() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.db.Scan(journal.OutboxPrefix, func(key, value []byte) error {
		it := item{n: binary.BigEndian.Uint64(key[1:])}
		if err := json.Unmarshal(value, &it.tx); err != nil {
			return fmt.Errorf("outbox: %w", err)
		}
		o.items = append(o.items, it)
		o.next = it.n + 1
		return nil
	})
}

// add makes the transactions and one key durable together.
func (o *outbox) add(txs []transaction, key, value []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.db.Begin()
	b.Set(key, value)
	n := o.next
	fresh := make([]item, 0, len(txs))
	for _, tx := range txs {
		b.Set(journal.OutboxKey(n), mustJSON(tx))
		fresh = append(fresh, item{n, tx})
		n++
	}
	if err := b.Commit("outbox"); err != nil {
		return err
	}
	o.next = n
	o.items = append(o.items, fresh...)
	select {
	case o.wake <- struct{}{}:
	default:
	}
	return nil
}

// wait returns when nothing of a shipment is left.
func (o *outbox) wait(ctx context.Context, shipment string) error {
	for {
		o.mu.Lock()
		left := 0
		for _, it := range o.items {
			if it.tx.Shipment == shipment {
				left++
			}
		}
		moved := o.moved
		o.mu.Unlock()
		if left == 0 {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("%d compliance records of %s wait for the ledger: %w", left, shipment, ctx.Err())
		}
	}
}

// depth is how many transactions wait.
func (o *outbox) depth() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.items)
}

func (o *outbox) run(ctx context.Context) {
	retry := time.Duration(0)
	for {
		round := o.round()
		if len(round) == 0 {
			select {
			case <-ctx.Done():
				return
			case <-o.wake:
			}
			continue
		}
		g, gctx := errgroup.WithContext(ctx)
		var failures atomic.Int32
		for _, it := range round {
			g.Go(func() error {
				if err := o.submit(gctx, it); err != nil {
					failures.Add(1)
					o.log.Debug("compliance record not accepted yet", "shipment", it.tx.Shipment, "fn", it.tx.Fn, "err", err)
				}
				return nil
			})
		}
		_ = g.Wait() // the functions return nil
		if failures.Load() == 0 {
			retry = 0
			continue
		}
		retry = min(max(2*retry, 500*time.Millisecond), 30*time.Second)
		select {
		case <-ctx.Done():
			return
		case <-time.After(retry):
		}
	}
}

// round picks the oldest transaction of each of a few shipments.
func (o *outbox) round() []item {
	o.mu.Lock()
	defer o.mu.Unlock()
	var round []item
	taken := map[string]bool{}
	for _, it := range o.items {
		if len(round) == parallel {
			break
		}
		if !taken[it.tx.Shipment] {
			taken[it.tx.Shipment] = true
			round = append(round, it)
		}
	}
	return round
}

// submit returns nil when the transaction needs no further attempt.
//
// A crash after the ledger took it and before it is removed here submits it again: the ledger refuses it as existing,
// closed or superseded, and that counts as done.
func (o *outbox) submit(ctx context.Context, it item) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var arg any
	switch {
	case it.tx.Verdict != nil:
		v, done, err := o.revision(ctx, *it.tx.Verdict)
		if err != nil {
			return err
		}
		if done {
			return o.remove(it)
		}
		arg = v
	case it.tx.Void:
		e, found, err := o.excursion(ctx, it.tx.Excursion)
		if err != nil {
			return err
		}
		if !found {
			return o.remove(it)
		}
		e.EndMS, e.Logs = e.StartMS, it.tx.Excursion.Logs
		arg = e
	case it.tx.Fn == ledger.ComplianceBreach.Name():
		claim, err := o.claim(ctx, it.tx)
		if errors.Is(err, errNoClaim) {
			return o.remove(it)
		}
		if err != nil {
			return err
		}
		arg = claim
	default:
		arg = it.tx.Excursion
	}
	_, err := o.ledger.Submit(ctx, it.tx.Fn, arg)
	var refused *ledger.Error
	switch {
	case err == nil:
		return o.remove(it)
	case errors.As(err, &refused):
		switch refused.Code {
		case ledger.Exists:
			return o.remove(it)
		case ledger.Conflict:
			if it.tx.Verdict != nil {
				return err // another revision came between: asked again next time
			}
		case ledger.BadState:
			if it.tx.Fn == ledger.ComplianceClose.Name() {
				return o.remove(it) // closed already
			}
		}
		o.failed.Add(1)
		o.log.Error("the ledger refuses a compliance record", "shipment", it.tx.Shipment, "fn", it.tx.Fn, "err", err)
		return o.remove(it)
	}
	return err
}

// revision gives a verdict its number: the one after the ledger's newest. done tells that the newest is this verdict.
func (o *outbox) revision(ctx context.Context, v ledger.Verdict) (ledger.Verdict, bool, error) {
	newest, err := ledger.ComplianceVerdict.Ask(ctx, o.ledger, ledger.IDArgs{ID: v.Shipment})
	if err != nil && ledger.CodeOf(err) != ledger.NotFound {
		return v, false, err
	}
	if newest.Revision > 0 && newest.By == o.ledger.MSP() && newest.Result == v.Result && newest.ToMS == v.ToMS && slices.Equal(newest.Logs, v.Logs) {
		return v, true, nil
	}
	v.Revision, v.Supersedes = newest.Revision+1, newest.Revision
	return v, false, nil
}

func (o *outbox) excursion(ctx context.Context, want *ledger.Excursion) (e ledger.Excursion, found bool, err error) {
	for e, err := range ledger.ComplianceList.Each(ctx, o.ledger, want.Shipment) {
		if err != nil || e.ID == want.ID {
			return e, err == nil, err
		}
	}
	return e, false, nil
}

func (o *outbox) remove(done item) error {
	b := o.db.Begin()
	b.Delete(journal.OutboxKey(done.n))
	if err := b.Commit("outbox"); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.items {
		if o.items[i].n == done.n {
			o.items = append(o.items[:i:i], o.items[i+1:]...)
			break
		}
	}
	close(o.moved)
	o.moved = make(chan struct{})
	return nil
}

// Depth is how many compliance records wait for the ledger; Failed how many it refused for good.
func (w *Watcher) Depth() int     { return w.outbox.depth() }
func (w *Watcher) Failed() uint64 { return w.outbox.failed.Load() }
