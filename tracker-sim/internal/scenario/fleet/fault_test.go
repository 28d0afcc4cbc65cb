package fleet

import (
	"fmt"
	"testing"

	"github.com/trackseal/trackseal/internal/quality"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// score plays a trip of several trackers, the first with a fault, with stepMS between its readings, and counts the flags of
// the first tracker and of the others.
func score(kind Kind, shipment string, fault Fault, stepMS int64) (first, others map[string]int) {
	const trackers = 4
	first, others = map[string]int{}, map[string]int{}
	var scorers [trackers]quality.Scorer
	var group quality.Group
	var trips [trackers]*Trip
	for n := range trips {
		trips[n] = NewTrip(7, shipment, 1, n, kind, Pace{Speed: 60})
	}
	s := sensor{fault: fault}
	for ms := int64(1_700_000_000_000); trips[0].At() < trips[0].Total(); ms += stepMS {
		for n, trip := range trips {
			m := trip.Next()
			into := others
			if n == 0 {
				s.spoil(m.Values)
				into = first
			}
			count := func(f quality.Flag) { into[f.Reason.String()]++ }
			r := quality.NewReading(ms, m.Values, telemetry.NoSensors)
			scorers[n].Add(r, count)
			group.Add(fmt.Sprint(n), &r, count)
		}
	}
	return first, others
}

func TestASoundFleetIsNotFlagged(t *testing.T) {
	for _, kind := range []Kind{Normal, DoorOpen, Outage, Plain} {
		for n := range 2 {
			for _, stepMS := range []int64{1_000, 60_000} {
				first, others := score(kind, fmt.Sprint("S-", n), "", stepMS)
				if len(first)+len(others) > 0 {
					t.Errorf("%s %d every %d ms: %v %v", kind, n, stepMS, first, others)
				}
			}
		}
	}
}

func TestEveryFaultIsFlagged(t *testing.T) {
	for fault, want := range map[Fault]quality.Reason{
		Stuck: quality.Constancy, Jump: quality.Jump, Outlier: quality.Outlier, Drift: quality.Drift, Bounds: quality.SensorFault, Teleport: quality.Teleport,
	} {
		first, others := score(Normal, "S-1", fault, 60_000)
		if first[want.String()] == 0 || len(others) > 0 {
			t.Errorf("%s: %v, the others %v", fault, first, others)
		}
	}
	if Fault("sulk").validate() == nil || Fault("").validate() != nil || Drift.validate() != nil {
		t.Error("validate")
	}
}
