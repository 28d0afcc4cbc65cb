// Package journey reads from the ledger's records what a verdict depends on. Ingest, the API and the auditor's verifier use the
// same function, so that they judge by the same facts.
package journey

import (
	"cmp"
	"slices"

	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Of gives the journey of a shipment. Handovers are its ended ones, in any order; only accepted ones count. Trackers are the
// records of those that were assigned, as far as the caller has them; a verdict does not depend on them.
//
// Judging ends with the delivery (or with the last window of a trip that was recorded and brought in afterwards), which the ledger knows before the logs are sealed: so the verdict at the sealing, at the
// close and years later have one end. Departure is the first handover, unless that is to the consignee, and arrival the one
// to the consignee. A tracker's calibration and sensors are those that its assignment recorded: what comes later changes no verdict.
//
// Where both sides of a handover stated when it happened, that time counts instead of the one at which the ledger heard of it, and
// so does the delivery's; ByLedger leaves them out.
func Of(s ledger.Shipment, handovers []ledger.Handover, trackers []ledger.Tracker) detect.Journey {
	s, handovers = agreed(s, handovers)
	c := detect.Journey{FromMS: s.CreatedMS, EndMS: s.DeliveredMS, DeliverByMS: s.DeliverByMS}
	if until, ok := recordedUntil(s); ok && c.EndMS > until {
		c.EndMS = until
	}
	byID := map[string]int{}
	for i, a := range s.Assignments {
		if i == 0 || a.FromMS < c.FromMS {
			c.FromMS = a.FromMS
		}
		n, ok := byID[a.Tracker]
		if !ok {
			n = len(c.Trackers)
			byID[a.Tracker] = n
			c.Trackers = append(c.Trackers, detect.Tracker{ID: a.Tracker})
		}
		c.Trackers[n].Windows = append(c.Trackers[n].Windows, detect.Window{FromMS: a.FromMS, ToMS: a.ToMS})
		c.Trackers[n].Sensors = append(c.Trackers[n].Sensors, detect.Stated{FromMS: a.FromMS, Sensors: a.Sensors})
		if x := a.Calibration; x != nil {
			c.Trackers[n].Calibrations = append(c.Trackers[n].Calibrations, detect.Window{FromMS: x.ValidFromMS, ToMS: x.ValidToMS})
		}
	}
	for _, t := range trackers {
		n, ok := byID[t.ID]
		if !ok {
			continue
		}
		x := &c.Trackers[n]
		x.Model, x.Signed = t.Model, t.Alg != 0
	}
	slices.SortFunc(c.Trackers, func(a, b detect.Tracker) int { return cmp.Compare(a.ID, b.ID) })
	for i := range c.Trackers {
		if !slices.ContainsFunc(c.Trackers[i].Sensors, func(s detect.Stated) bool { return len(s.Sensors) > 0 }) {
			c.Trackers[i].Sensors = nil
		}
		slices.SortFunc(c.Trackers[i].Windows, func(a, b detect.Window) int {
			return cmp.Or(cmp.Compare(a.FromMS, b.FromMS), cmp.Compare(a.ToMS, b.ToMS))
		})
	}
	for _, x := range s.Carried {
		c.Carried = append(c.Carried, detect.Carried{Rule: x.Rule, Band: x.Band, SpentMS: x.SpentS * 1000})
	}
	c.Legs = legs(s, c.FromMS, handovers)
	for _, h := range handovers {
		switch {
		case h.State != ledger.Accepted:
		case s.Has(ledger.Consignee, h.To):
			c.DeliverMS = max(c.DeliverMS, h.AnswerMS)
		case c.DepartMS == 0 || h.AnswerMS < c.DepartMS:
			c.DepartMS = h.AnswerMS
		}
	}
	return c
}

// agreed puts the times that both sides stated in the place of the ledger's.
func agreed(s ledger.Shipment, handovers []ledger.Handover) (ledger.Shipment, []ledger.Handover) {
	if s.StatedDeliveryMS != 0 {
		s.DeliveredMS = s.StatedDeliveryMS
	}
	handovers = slices.Clone(handovers)
	for i := range handovers {
		if h := &handovers[i]; h.AgreedMS != 0 {
			h.AnswerMS = h.AgreedMS
		}
	}
	return s, handovers
}

// ByLedger gives the records without the times that both sides stated, and the longest time by which one of these is before the
// ledger's; 0 = nothing was stated.
func ByLedger(s ledger.Shipment, handovers []ledger.Handover) (ledger.Shipment, []ledger.Handover, int64) {
	var most int64
	handovers = slices.Clone(handovers)
	for i := range handovers {
		if h := &handovers[i]; h.AgreedMS != 0 {
			most = max(most, h.AnswerMS-h.AgreedMS)
			h.AgreedMS = 0
		}
	}
	if s.StatedDeliveryMS != 0 {
		most = max(most, s.DeliveredMS-s.StatedDeliveryMS)
		s.StatedDeliveryMS = 0
	}
	return s, handovers, most
}

// recordedUntil is when a trip ended whose windows were all stated afterwards, for loggers that were read out then. It was over long
// before the ledger heard of its delivery.
func recordedUntil(s ledger.Shipment) (ms int64, ok bool) {
	for _, a := range s.Assignments {
		if !a.Recorded() {
			return 0, false
		}
		ms = max(ms, a.ToMS)
	}
	return ms, ms > 0
}

// legs are the ledger's, as far as something is judged in them.
func legs(s ledger.Shipment, fromMS int64, handovers []ledger.Handover) []detect.Leg {
	var out []detect.Leg
	for _, l := range ledger.Legs(s, handovers) {
		l.FromMS = max(l.FromMS, fromMS)
		if l.ToMS == 0 || l.ToMS > l.FromMS {
			out = append(out, detect.Leg{Custodian: l.Custodian, FromMS: l.FromMS, ToMS: l.ToMS})
		}
	}
	return out
}
