// Package store moves the journal's queue to InfluxDB: in order, in own batches, again and again until InfluxDB has it. What
// InfluxDB refuses for good is narrowed down to the single record and kept aside.
package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Database is InfluxDB. Several of its batches are written at the same time.
type Database interface {
	NewBatch() stored.Batch
}

// Config of the writer.
type Config struct {
	Database Database
	DB       *journal.DB
	Log      *slog.Logger
	// OnStored, if set, is called with a batch's messages of shipments after it is in InfluxDB and before it is forgotten, in the
	// order of the queue: after a crash in between it is called again. It must not keep the slice, nor bytes of it.
	OnStored func([]journal.Message)
	// MaxPoints bounds a batch, as maxBytes does; 0 = 5,000.
	MaxPoints int
	// Linger is how long a small batch waits for more; 0 = 100 ms.
	Linger time.Duration
}

// maxBytes bounds a batch: InfluxDB 1.8 refuses bodies above 25 MB.
const maxBytes = 8 << 20

// Writer is one queue's only writer.
type Writer struct {
	cfg    Config
	wake   chan struct{}
	spare  []*flight
	stored atomic.Uint64
	odd    atomic.Uint64 // records that InfluxDB refused
	err    atomic.Pointer[string]
}

// New makes a writer; Run works.
func New(cfg Config) *Writer {
	cfg.MaxPoints, cfg.Linger = cmp.Or(cfg.MaxPoints, 5000), cmp.Or(cfg.Linger, 100*time.Millisecond)
	return &Writer{cfg: cfg, wake: make(chan struct{}, 1)}
}

// Wake tells that the queue has grown. It never blocks.
func (w *Writer) Wake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Stored counts messages in InfluxDB, Refused the records that it will not take.
func (w *Writer) Stored() uint64  { return w.stored.Load() }
func (w *Writer) Refused() uint64 { return w.odd.Load() }

// Ready says why nothing is being stored, or nil.
func (w *Writer) Ready(context.Context) error {
	if text := w.err.Load(); text != nil {
		return errors.New(*text)
	}
	return nil
}

const (
	firstRetry = 200 * time.Millisecond
	lastRetry  = 10 * time.Second
)

// Run writes until ctx ends.
func (w *Writer) Run(ctx context.Context) error {
	retry := firstRetry
	for {
		err := w.drain(ctx)
		if ctx.Err() != nil {
			return nil
		}
		wait := w.cfg.Linger
		if err != nil {
			text := err.Error()
			if w.err.Swap(&text) == nil {
				w.cfg.Log.Warn("InfluxDB is not taking points, keeping them in the journal", "err", err)
			}
			wait, retry = retry, min(2*retry, lastRetry)
		} else {
			if w.err.Swap(nil) != nil {
				w.cfg.Log.Info("InfluxDB takes points again")
			}
			retry = firstRetry
			select {
			case <-w.wake:
			case <-ctx.Done():
				return nil
			}
		}
		if !service.Pause(ctx, wait) {
			return nil
		}
	}
}

// record is one queued record and its size in the queue.
type record struct {
	kind journal.RecordKind
	body []byte
	n    uint64
	size int64
	// Of a message.
	message journal.Message
}

// write stores records, whose points b holds; a refused batch is halved until the refused record stands alone.
func (w *Writer) write(ctx context.Context, b stored.Batch, records []record) error {
	err := b.Write(ctx)
	rejected, refused := errors.AsType[*stored.RejectedError](err)
	switch {
	case !refused:
		return err
	case len(records) == 1:
		return w.setAside(ctx, b, &records[0], rejected)
	}
	half := len(records) / 2
	for _, part := range [][]record{records[:half], records[half:]} {
		b.Reset()
		for i := range part {
			if err := encode(b, &part[i]); err != nil {
				return err
			}
		}
		if err := w.write(ctx, b, part); err != nil {
			return err
		}
	}
	return nil
}

// Unstorable is the quarantine's reason for a record that InfluxDB itself refused.
const Unstorable = "unstorable"

// setAside keeps a record that InfluxDB refuses: in the journal for good, and its bytes in the quarantine when they fit.
func (w *Writer) setAside(ctx context.Context, points stored.Batch, r *record, cause *stored.RejectedError) error {
	w.odd.Add(1)
	w.cfg.Log.Error("InfluxDB refuses a record, kept aside in the journal", "record", r.n, "err", cause)
	b := w.cfg.DB.Begin()
	b.Set(journal.AsideKey(r.n), append([]byte{byte(r.kind)}, r.body...))
	if err := b.Commit("aside"); err != nil {
		return err
	}
	q := stored.Rejected{Reason: Unstorable, Detail: cause.Detail, ReceivedMS: time.Now().UnixMilli(), Raw: r.body, Count: 1}
	if r.kind == journal.MessageRecord {
		m := &r.message
		q.Raw, q.ReceivedMS, q.Tracker, q.Topic = m.Raw, m.ReceivedMS, m.Tracker, telemetry.Topic(m.Tracker, telemetry.Up)
	}
	sum := sha256.Sum256(q.Raw)
	q.Bytes, q.Hash = len(q.Raw), hex.EncodeToString(sum[:])
	points.Reset()
	points.Rejected(&q, r.n)
	err := points.Write(ctx)
	if _, refused := errors.AsType[*stored.RejectedError](err); refused {
		return nil // the journal has it
	}
	return err
}

// encode appends a record's points.
func encode(b stored.Batch, r *record) error {
	switch r.kind {
	case journal.MessageRecord:
		return encodeMessage(b, &r.message)
	case journal.HeadRecord:
		h, err := journal.DecodeHead(r.body)
		if err != nil {
			return err
		}
		point := stored.Head(h)
		b.Head(&point)
		return nil
	}
	return fmt.Errorf("unknown kind %d", r.kind)
}

// Message is what the store has of a queued one.
func Message(m *journal.Message) stored.Message {
	point := stored.Message{
		Log: hex.EncodeToString(m.Log[:]), Leaf: m.Leaf, Entry: m.Entry, Raw: m.Raw, Tracker: m.Tracker, Shipment: m.Shipment, Trust: stored.Unsigned,
		Boot: m.Boot, Seq: m.Seq, Kind: int(m.Kind), TimeMS: m.TimeMS, ReceivedMS: m.ReceivedMS, Flags: m.Flags.Names(), Readings: m.Readings.Count(),
	}
	if m.Signed {
		point.Trust = stored.Signed
	}
	return point
}

func encodeMessage(b stored.Batch, m *journal.Message) error {
	point := Message(m)
	return stored.Add(b, &point, func(reading func(int64, int, func(int) (string, float64))) error {
		return m.Readings.Each(func(ms int64, values []journal.Value) {
			reading(ms, len(values), func(i int) (string, float64) {
				return telemetry.Quantities[values[i].Quantity].Name, values[i].Value
			})
		})
	})
}

// observed are the messages of shipments, and how many messages there are in all.
func observed(records []record) (ofShipments []journal.Message, messages uint64) {
	for i := range records {
		if records[i].kind != journal.MessageRecord {
			continue
		}
		messages++
		if m := &records[i].message; m.Shipment != "" {
			ofShipments = append(ofShipments, *m)
		}
	}
	return ofShipments, messages
}
