package journey

import (
	"slices"

	"github.com/trackseal/trackseal/internal/ledger"
)

// State names a state that a shipment's record was in.
type State struct {
	LastMS      int64 `json:"last_ms"`     // the newest time that stood there
	Assignments int   `json:"assignments"` // how many there were: a window that is dated back does not say when it was written
}

// StateOf names the state that a record is in.
func StateOf(s ledger.Shipment) State { return State{s.LastMS, len(s.Assignments)} }

// At gives the records of a shipment as they were in a state that they have been in.
func At(s ledger.Shipment, handovers []ledger.Handover, at State) (ledger.Shipment, []ledger.Handover) {
	if at.LastMS >= s.LastMS {
		return s, handovers
	}
	if s.DeliveredMS > at.LastMS {
		s.DeliveredMS, s.StatedDeliveryMS = 0, 0
	}
	s.Assignments = slices.Clone(s.Assignments[:min(max(at.Assignments, 0), len(s.Assignments))])
	for i := range s.Assignments {
		if a := &s.Assignments[i]; a.ToMS > at.LastMS {
			a.ToMS, a.UnassignTx = 0, ""
		}
	}
	handovers = slices.Clone(handovers)
	slices.SortFunc(handovers, func(a, b ledger.Handover) int { return b.N - a.N })
	handovers = slices.DeleteFunc(handovers, func(h ledger.Handover) bool {
		later := h.AnswerMS > at.LastMS
		if later && h.State == ledger.Accepted {
			s.Custodian = h.From
		}
		return later
	})
	return s, handovers
}
