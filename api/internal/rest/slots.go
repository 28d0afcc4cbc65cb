package rest

import (
	"net/http"

	"github.com/trackseal/trackseal/api/internal/problem"
)

// Slots bounds how many requests at a time do what costs a core.
type Slots chan struct{}

// Take returns what the caller calls at the end of the work, or a refusal.
func (s Slots) Take() (done func(), err error) {
	select {
	case s <- struct{}{}:
		return func() { <-s }, nil
	default:
		return nil, problem.New(http.StatusTooManyRequests, problem.RateLimited, "other verifications are running; try again soon").RetryAfter("5")
	}
}
