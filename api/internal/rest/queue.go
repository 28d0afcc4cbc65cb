package rest

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/problem"
)

// maxWaiting requests of one principal; each holds a connection and perhaps a large body.
const maxWaiting = 8

// Queue shares a few places, for work that costs a core, between all principals. Who asks for much waits behind themselves:
// one principal never has all places, and free ones go round between those who wait.
type Queue struct {
	ofOne int           // places that one principal may have
	limit time.Duration // of waiting

	mu      sync.Mutex
	free    int
	running map[string]int             // places by principal
	waiting map[string][]chan struct{} // by principal, the oldest first; closed when the place is theirs
	turns   []string                   // who wait, in the order in which they are served
}

// NewQueue has at least two places, all but one of which a single principal may have. limit is how long a request waits for
// its place before it is refused.
func NewQueue(places int, limit time.Duration) *Queue {
	places = max(places, 2)
	return &Queue{ofOne: places - 1, limit: limit, free: places, running: map[string]int{}, waiting: map[string][]chan struct{}{}}
}

// Take waits for a place. It returns what the caller calls once, at the end of the work, or a refusal.
func (q *Queue) Take(ctx context.Context) (done func(), err error) {
	who := ""
	if p := access.PrincipalOf(ctx); p != nil {
		who = p.Identity()
	}
	place := q.ask(who)
	if place == nil {
		return nil, problem.New(http.StatusTooManyRequests, problem.RateLimited,
			"%d requests like this one of the same client are waiting already; wait for their answers first", maxWaiting).RetryAfter("5")
	}
	late := time.NewTimer(q.limit)
	defer late.Stop()
	select {
	case <-place:
	case <-ctx.Done():
		err = ctx.Err()
	case <-late.C:
		err = problem.New(http.StatusTooManyRequests, problem.RateLimited,
			"this waited %s for other verifications, reports and simulations; try again soon", q.limit).RetryAfter("5")
	}
	if err != nil && q.leave(who, place) {
		return nil, err
	}
	return func() { q.give(who) }, nil
}

// ask is nil for a principal with too many waiting requests.
func (q *Queue) ask(who string) chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting[who]) >= maxWaiting {
		return nil
	}
	place := make(chan struct{})
	if len(q.waiting[who]) == 0 {
		q.turns = append(q.turns, who)
	}
	q.waiting[who] = append(q.waiting[who], place)
	q.serve()
	return place
}

// leave takes a request out of the queue; false when it has just got its place.
func (q *Queue) leave(who string, place chan struct{}) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting[who], place)
	if i < 0 {
		return false
	}
	q.waiting[who] = slices.Delete(q.waiting[who], i, i+1)
	q.forget(who)
	return true
}

func (q *Queue) give(who string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.free++
	if q.running[who]--; q.running[who] == 0 {
		delete(q.running, who)
	}
	q.serve()
}

// serve hands out the free places: the next in turn who may have one gets it and goes to the end.
func (q *Queue) serve() {
	for q.free > 0 {
		i := slices.IndexFunc(q.turns, func(who string) bool { return q.running[who] < q.ofOne })
		if i < 0 {
			return
		}
		who := q.turns[i]
		close(q.waiting[who][0])
		q.waiting[who] = q.waiting[who][1:]
		q.free--
		q.running[who]++
		q.turns = append(slices.Delete(q.turns, i, i+1), who)
		q.forget(who)
	}
}

// forget drops a principal for whom nothing waits.
func (q *Queue) forget(who string) {
	if len(q.waiting[who]) == 0 {
		delete(q.waiting, who)
		q.turns = slices.DeleteFunc(q.turns, func(w string) bool { return w == who })
	}
}
