package journey

import (
	"slices"

	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/ledger"
)

// maxPast bounds the states of a record that are looked at.
const maxPast = 16

// Past gives the journeys of a shipment as its record may have been when the newest time that stood there was lastMS, the likeliest first.
// There is more than one because a window that was dated back does not say when it was written.
func Past(s ledger.Shipment, handovers []ledger.Handover, lastMS int64) []detect.Journey {
	if lastMS <= 0 || lastMS >= s.LastMS {
		return []detect.Journey{Of(s, handovers, nil)}
	}
	s, handovers = before(s, handovers, lastMS)
	out := []detect.Journey{Of(s, handovers, nil)}
	for n := len(s.Assignments) - 1; n >= 0 && len(out) < maxPast; n-- {
		s.Assignments = s.Assignments[:n]
		out = append(out, Of(s, handovers, nil))
	}
	return out
}

// before leaves out what came later than lastMS.
func before(s ledger.Shipment, handovers []ledger.Handover, lastMS int64) (ledger.Shipment, []ledger.Handover) {
	if s.DeliveredMS > lastMS {
		s.DeliveredMS, s.StatedDeliveryMS = 0, 0
	}
	s.Assignments = slices.DeleteFunc(slices.Clone(s.Assignments), func(a ledger.Assignment) bool { return a.FromMS > lastMS })
	for i := range s.Assignments {
		if a := &s.Assignments[i]; a.ToMS > lastMS {
			a.ToMS, a.UnassignTx = 0, ""
		}
	}
	handovers = slices.Clone(handovers)
	slices.SortFunc(handovers, func(a, b ledger.Handover) int { return b.N - a.N })
	handovers = slices.DeleteFunc(handovers, func(h ledger.Handover) bool {
		later := h.AnswerMS > lastMS
		if later && h.State == ledger.Accepted {
			s.Custodian = h.From
		}
		return later
	})
	return s, handovers
}
