package stored

import (
	"context"
	"errors"
	"time"
)

// Store is all that a time-series store offers: ingest and the API each ask for their part. Safe for concurrent use. Callbacks run one
// after another, and an error of one ends the call and is its error. Other errors wrap ErrUnavailable when asking again can help. A
// call ends when its context does, in the server too.
type Store interface {
	NewBatch() Batch
	// Messages of the leaves [from, to) of a log, in the order of leaves; to 0 = all.
	Messages(ctx context.Context, log string, from, to uint64, fn func(Message) error) error
	// MessageInfos in the order of leaves.
	MessageInfos(ctx context.Context, q MessageInfoQuery, fn func(MessageInfo) error) error
	// Message of an info; ok is false when it is not there.
	Message(ctx context.Context, info MessageInfo) (m Message, ok bool, err error)
	// Readings in the order of (time, tracker), with the time that a cursor goes on from.
	Readings(ctx context.Context, q ReadingsQuery, fn func(Reading, time.Time) error) error
	// Windows in the order of (time, tracker), aligned with 1970, those without readings left out. Every is at least 1 s. Few are
	// computed beyond q.Limit.
	Windows(ctx context.Context, q ReadingsQuery, every time.Duration, fn func(Window) error) error
	// Latest is the newest value of each quantity of a log, with time, tracker and leaf of its newest reading; ok is false without one.
	Latest(ctx context.Context, log string) (r Reading, ok bool, err error)
	// LogsOf are the logs with readings of a tracker in [fromMS, toMS); toMS 0 = no end.
	LogsOf(ctx context.Context, tracker string, fromMS, toMS int64) ([]string, error)
	// Heads of a log, oldest first.
	Heads(ctx context.Context, log string) ([]Head, error)
	// QualityHours that start in [fromMS, toMS), in the order of (time, tracker); toMS 0 = no end, tracker "" = all.
	QualityHours(ctx context.Context, tracker string, fromMS, toMS int64, fn func(QualityHour) error) error
	// QualityFlags of single readings of these trackers in [fromMS, toMS), in the order of time.
	QualityFlags(ctx context.Context, trackers []string, fromMS, toMS int64, fn func(QualityFlag) error) error
	// RejectedOf a tracker, newest first, with the time that a cursor goes on from.
	RejectedOf(ctx context.Context, q RejectedQuery, fn func(Rejected, time.Time) error) error
	// MessagesOf a tracker, newest first by (time of receipt, log), with the time that a cursor goes on from.
	MessagesOf(ctx context.Context, q MessagesQuery, fn func(Message, time.Time) error) error
	// Seen are the newest messages of each tracker, in numbers; those of one tracker newest first.
	Seen(ctx context.Context, q SeenQuery, fn func(Seen) error) error
	// LastValues is the newest value of each of these quantities of each tracker from fromMS on: a reading for each.
	LastValues(ctx context.Context, quantities []string, fromMS int64, fn func(Reading) error) error
	// ShipmentsOf are the logs with messages of a tracker, and whose they are.
	ShipmentsOf(ctx context.Context, tracker string) ([]LogOf, error)
	// HeadsOf a heads log in the order of their numbers, each point of one.
	HeadsOf(ctx context.Context, heads string, fn func(Head) error) error
	// Logs are what the store has messages or readings of, and whose they say they are.
	Logs(ctx context.Context) ([]LogTags, error)
	// Places are the places in its chain of each signed message of a tracker, in no order.
	Places(ctx context.Context, tracker string, fn func(boot, seq uint64)) error
	// Delete takes points away. What is not there is gone.
	Delete(ctx context.Context, points []Place) error
	Ping(ctx context.Context) error
}

// Batch collects what is written at once. Not safe for concurrent use.
type Batch interface {
	Message(m *Message)
	// Overwrite is Message where a point stands that may say more than it: nothing of that stays.
	Overwrite(m *Message)
	// Reading asks value for the quantity and value of 0 … n-1.
	Reading(log, tracker string, leaf uint64, timeMS int64, n int, value func(i int) (string, float64))
	Head(h *Head)
	// Rejected tells two of one millisecond apart by n.
	Rejected(r *Rejected, n uint64)
	// QualityHour: reasons that it lacks keep the count that the store has.
	QualityHour(h *QualityHour)
	QualityFlag(f *QualityFlag)
	// Summary keeps an hour of a log's tracker, for windows of hours. It is a help and not a truth: the store uses it where its
	// Readings are as many as there are.
	Summary(log string, w *Window)
	Points() int
	Bytes() int // about as many go over the wire
	// Write stores all points, or fails with ErrUnavailable or a *RejectedError. Writing the same points twice changes nothing.
	Write(ctx context.Context) error
	Reset()
}

// ErrUnavailable: try the same again later.
var ErrUnavailable = errors.New("telemetry store unavailable")

// RejectedError: the store refused the batch for what is in it; writing it again cannot help. Split and quarantine.
type RejectedError struct{ Detail string }

func (e *RejectedError) Error() string { return "the telemetry store rejected the batch: " + e.Detail }
