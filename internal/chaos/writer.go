package chaos

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/internal/client"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/service"
)

// writer creates shipments through the operator's API, one after the other, while it is broken: each call has to succeed in the end, by
// the client's own repeats with one Idempotency-Key, and to have one effect.
type writer struct {
	group  errgroup.Group
	stop   func()
	wanted []string
	failed []string
}

func (s *Stack) write(ctx context.Context, prefix string) *writer {
	parties := map[string][]string{}
	for _, role := range ledger.Roles { // in the demo a role's member has its name
		parties[role] = []string{role}
	}
	w := &writer{}
	running, stop := context.WithCancel(ctx)
	w.stop = stop
	w.group.Go(func() error {
		for n := 0; service.Pause(running, 500*time.Millisecond); n++ {
			id := ledger.OwnID(s.operator, fmt.Sprintf("%s-%d", prefix, n))
			// The last call may end after the load has: it is not cut off.
			_, err := s.owner.CreateShipment(ctx, client.CreateBody{ID: id, Parties: parties, RuleSet: "general-2-8@1", Description: id, Origin: "here", Destination: "there"})
			if err != nil {
				w.failed = append(w.failed, fmt.Sprintf("creating %s: %v", id, err))
				continue
			}
			w.wanted = append(w.wanted, id)
		}
		return nil
	})
	return w
}

// end names what went wrong: a call that failed, or one whose shipment another member does not get to see.
func (w *writer) end(ctx context.Context, s *Stack) []string {
	w.stop()
	_ = w.group.Wait() // it returns none
	problems := w.failed
	for _, id := range w.wanted {
		// The description is no part of the ledger: the other node fetches it from the one that was just broken.
		if err := until(ctx, 2*time.Minute, "another member reads shipment "+id, func() error {
			got, err := s.copies.GetShipment(ctx, id)
			if err == nil && got.Description != id {
				err = fmt.Errorf("its description is %q", got.Description)
			}
			return err
		}); err != nil {
			problems = append(problems, err.Error())
		}
	}
	if len(w.wanted) == 0 {
		problems = append(problems, "nothing could be written meanwhile")
	}
	return problems
}
