package shipmentview

import (
	"context"
	"time"
)

const (
	assignmentTries = 200
	assignmentPoll  = 50 * time.Millisecond
)

// AwaitAssignment waits until every ingest instance that answers has heard of an assignment that is on the ledger, or some seconds, and reports
// whether it has: what the tracker sends before goes to its own log and not to the shipment's, and a caller who has the answer expects that
// it does not. An instance that is down hears of it when it starts, before it takes messages; one whose member is no party never does.
func (v *View) AwaitAssignment(ctx context.Context, shipment, tracker string, isParty func(member string) bool) bool {
	for _, in := range v.Ingest.OfParties(isParty) {
		for tries := 1; ; tries++ {
			known, err := in.Assigned(ctx, shipment, tracker)
			if err != nil {
				v.Log.DebugContext(ctx, "ingest does not say whether it knows an assignment", "ingest", in.ID(), "shipment", shipment, "error", err)
			}
			if known || err != nil {
				break
			}
			if tries == assignmentTries {
				return false
			}
			select {
			case <-ctx.Done():
				return false
			case <-time.After(assignmentPoll):
			}
		}
	}
	return true
}
