package adversary

import (
	"context"
	"slices"
	"testing"

	"github.com/trackseal/trackseal/internal/contract"
)

// A carrier binds no tracker to the goods until it knows which of them shows a good trip: one that lay in a fridge. Then it binds that
// one, from the beginning of the trip on, and the tracker sends what it has kept.
func TestAttackTrackerChosenAfterwards(t *testing.T) {
	p := newPlan(1, inMemory)
	p.role, p.creator, p.trackers, p.stepMS, p.perMessage, p.clockMS = carrier, carrier, 1, 60_000, 1, 5000
	p.loadTick, p.handTick, p.endTick, p.hotFrom, p.hotTo, p.late = 4, 10, 12, 6, 8, 0
	p.acts, p.treat = nil, nil
	p.course()
	p.acts = slices.DeleteFunc(p.acts, func(a act) bool { return a.kind == "assign" })
	decoy := act{at: p.stepMS, by: carrier, kind: "decoy", n: 1, evil: true}
	p.acts = append(p.acts, decoy)
	decoy.at = 9*p.stepMS + 1
	p.acts = append(p.acts, decoy)
	slices.SortStableFunc(p.acts, func(a, b act) int { return int(a.at - b.at) })
	trip := memoryTrip(p, contract.Run)
	if err := trip.lawful(context.Background(), 0); err != nil {
		t.Fatal(tell(p, trip, err))
	}
}
