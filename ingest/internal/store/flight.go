package store

import (
	"context"
	"fmt"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/stored"
)

// flight is one batch on its way to InfluxDB: its records, their bytes and points.
type flight struct {
	batch   stored.Batch
	records []record
	bodies  []byte
	size    int64 // of the records in the queue
	done    chan error
}

// maxFlights are written at the same time: while InfluxDB parses one batch it can store the other, and the next one is
// encoded.
const maxFlights = 2

// drain writes what is queued, until the queue is empty or something fails. A second batch leaves only when it is full.
//
// Crash order: written to InfluxDB, then observed, then forgotten. A crash in between writes and observes the same again,
// which changes nothing. Batches are observed and forgotten in the order of the queue, whichever is written first: what
// stands before the queue's head is in InfluxDB.
func (w *Writer) drain(ctx context.Context) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	var flying []*flight
	defer func() {
		cancel()
		for _, f := range flying {
			<-f.done
			w.spare = append(w.spare, f)
		}
	}()
	next := w.cfg.DB.QueueHead()
	for {
		for len(flying) < maxFlights && (len(flying) == 0 || w.cfg.DB.QueueEnd() >= next+uint64(w.cfg.MaxPoints)/2) {
			f, err := w.load(next)
			if err != nil {
				return err
			}
			if len(f.records) == 0 {
				w.spare = append(w.spare, f)
				break
			}
			next = f.last() + 1
			go func() { f.done <- w.write(ctx, f.batch, f.records) }()
			flying = append(flying, f)
		}
		if len(flying) == 0 {
			return nil
		}
		f := flying[0]
		err := <-f.done
		flying = flying[1:]
		if err == nil {
			err = w.settle(f)
		}
		w.spare = append(w.spare, f)
		if err != nil {
			return err
		}
		if f.partial(w.cfg) && len(flying) == 0 {
			return nil // what came since then waits for more
		}
	}
}

// load reads the next batch from the queue and encodes it.
func (w *Writer) load(from uint64) (*flight, error) {
	var f *flight
	if n := len(w.spare); n > 0 {
		f, w.spare = w.spare[n-1], w.spare[:n-1]
	} else {
		f = &flight{batch: w.cfg.Database.NewBatch(), done: make(chan error, 1)}
	}
	f.batch.Reset()
	f.records, f.bodies, f.size = f.records[:0], f.bodies[:0], 0
	err := w.cfg.DB.Queued(from, func(n uint64, kind journal.RecordKind, body []byte) (bool, error) {
		// When the bytes move to a larger array, the records before keep the old one.
		start := len(f.bodies)
		f.bodies = append(f.bodies, body...)
		r := record{kind: kind, body: f.bodies[start:len(f.bodies):len(f.bodies)], n: n, size: int64(len(body)) + 1}
		var err error
		if kind == journal.MessageRecord {
			r.message, err = journal.DecodeMessage(r.body)
		}
		if err == nil {
			err = encode(f.batch, &r)
		}
		if err != nil {
			return false, fmt.Errorf("record %d: %w", n, err)
		}
		f.records = append(f.records, r)
		f.size += r.size
		return f.partial(w.cfg), nil
	})
	return f, err
}

// settle observes and forgets what is in InfluxDB now.
func (w *Writer) settle(f *flight) error {
	stored, messages := observed(f.records)
	if w.cfg.OnStored != nil && len(stored) > 0 {
		w.cfg.OnStored(stored)
	}
	if err := w.cfg.DB.Trim(f.last()+1, f.size); err != nil {
		return err
	}
	w.stored.Add(messages)
	return nil
}

func (f *flight) last() uint64 { return f.records[len(f.records)-1].n }

// partial reports whether more fits.
func (f *flight) partial(cfg Config) bool {
	return f.batch.Points() < cfg.MaxPoints && f.batch.Bytes() < maxBytes
}
