package stored

import (
	"context"
	"errors"
)

// Batch collects what is written at once. Not safe for concurrent use.
type Batch interface {
	Message(m *Message)
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
