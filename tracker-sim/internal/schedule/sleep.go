// Package schedule waits for the moments of a replay or a fleet.
package schedule

import (
	"context"
	"time"
)

// SleepUntil waits for a moment; false when ctx ended first. A moment that has passed is not waited for.
func SleepUntil(ctx context.Context, at time.Time) bool {
	wait := time.Until(at)
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
