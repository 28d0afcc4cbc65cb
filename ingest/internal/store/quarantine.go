package store

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/time/rate"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/stored"
)

// QuarantineConfig of a Quarantine.
type QuarantineConfig struct {
	Database Database
	DB       *journal.DB
	Log      *slog.Logger
	// BytesADay and RecordsADay bound what InfluxDB keeps for ever of refused messages; so much may come at once, too. What is
	// beyond waits in the journal, where the oldest go. 0 = 64 MiB, 100,000.
	BytesADay, RecordsADay int
}

// Quarantine moves refused messages to InfluxDB, beside the Writer: garbage delays no message.
type Quarantine struct {
	cfg            QuarantineConfig
	wake           chan struct{}
	bytes, records *rate.Limiter
	paid           uint64 // what stands before it has been counted already: a failed write is not counted again
}

// NewQuarantine makes one; Run works.
func NewQuarantine(cfg QuarantineConfig) *Quarantine {
	day := func(n, usual int) *rate.Limiter {
		if n == 0 {
			n = usual
		}
		return rate.NewLimiter(rate.Every(24*time.Hour/time.Duration(n)), n)
	}
	return &Quarantine{cfg: cfg, wake: make(chan struct{}, 1), bytes: day(cfg.BytesADay, 64<<20), records: day(cfg.RecordsADay, 100_000)}
}

// Wake tells that something was refused. It never blocks.
func (q *Quarantine) Wake() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

const (
	quarantineBytes   = 1 << 20 // of a batch
	quarantineRecords = 1000
	allowedAgain      = 10 * time.Second // when the day's share is used up
)

// Run writes until ctx ends.
func (q *Quarantine) Run(ctx context.Context) error {
	batch := q.cfg.Database.NewBatch()
	for retry, most := firstRetry, quarantineRecords; ; {
		n, end, err := q.write(ctx, batch, most)
		if refused, is := errors.AsType[*stored.RejectedError](err); is && n > 1 {
			most = n / 2 // find the one that it is about
			continue
		} else if is {
			q.cfg.Log.Error("InfluxDB refuses a quarantined message, which is forgotten", "err", refused)
			err = nil
		}
		if err == nil && end > 0 {
			err = q.cfg.DB.Release(end)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			q.cfg.Log.Debug("quarantined messages wait", "err", err)
			if !service.Pause(ctx, retry) {
				return nil
			}
			retry = min(2*retry, lastRetry)
		case end > 0:
			retry, most = firstRetry, min(2*most, quarantineRecords)
		default:
			select {
			case <-q.wake:
			case <-time.After(allowedAgain):
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// write stores at most so many of the oldest: n of them, before number end. The caller forgets them.
//
// Crash order: written to InfluxDB, then forgotten. A crash in between writes the same points again.
func (q *Quarantine) write(ctx context.Context, batch stored.Batch, most int) (n int, end uint64, err error) {
	batch.Reset()
	size := 0
	err = q.cfg.DB.Quarantined(func(at uint64, body []byte) bool {
		if n == most || size >= quarantineBytes || at >= q.paid && !q.pay(len(body)) {
			return false
		}
		end, q.paid = at+1, max(q.paid, at+1)
		r, err := journal.DecodeRejected(body)
		if err != nil {
			q.cfg.Log.Error("quarantined message is damaged and forgotten", "err", err)
			return true
		}
		point := stored.Rejected(r)
		batch.Rejected(&point, at)
		n, size = n+1, size+len(body)
		return true
	})
	if err != nil || n == 0 {
		return n, end, err
	}
	return n, end, batch.Write(ctx)
}

// pay takes a record's share of the day. When only one of the two has some left, what was taken of it comes back by itself.
func (q *Quarantine) pay(bytes int) bool {
	now := time.Now()
	return q.records.AllowN(now, 1) && q.bytes.AllowN(now, min(bytes, q.bytes.Burst()))
}
