package compliance

import (
	"fmt"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// Deadline is the time by which the shipment is to be delivered, which its record on the ledger states. It is about the shipment and no
// tracker: it is judged once, by the times of the handovers that count.
type Deadline struct {
	// GraceS: so much later is still in time.
	GraceS int `json:"grace_s,omitempty"`
}

// Detector implements detect.Kind. Nothing is detected in readings.
func (c *Deadline) Detector(*detect.Journey, string, int64) (detect.Detector, error) {
	if c.GraceS < 0 || c.GraceS > maxTime {
		return nil, fmt.Errorf("grace_s must be 0 to %d", maxTime)
	}
	return nil, nil
}

// Need implements detect.Kind.
func (c *Deadline) Need() detect.Need { return detect.Need{} }

// Asks implements detect.Kind.
func (c *Deadline) Asks() string {
	text := "Delivered by the time that the shipment states"
	if c.GraceS > 0 {
		text += ", or at most " + detect.Seconds(c.GraceS) + " later"
	}
	return text
}

// deadline judges the rule as of a.toMS.
func (a *assembly) deadline(r *Rule, out *RuleResult) {
	c := a.journey
	if c.DeliverByMS == 0 {
		out.Reasons = append(out.Reasons, "the shipment states no time to deliver by")
		return
	}
	by, arrived := c.DeliverByMS+int64(r.Deadline.GraceS)*1000, c.DeliverMS
	if arrived == 0 {
		arrived = c.EndMS
	}
	known := arrived != 0 && (a.res.Final || arrived <= a.toMS)
	state := detect.Met
	switch {
	case known && arrived > by:
		state = detect.Broken
		out.Reasons = append(out.Reasons, "delivered "+detect.Span(arrived-by)+" too late")
	case known:
	case a.toMS > by:
		state = detect.Broken
		out.Reasons = append(out.Reasons, "not delivered, "+detect.Span(a.toMS-by)+" too late until now")
	default:
		state = detect.Unknown
		out.Reasons = append(out.Reasons, "not delivered yet")
	}
	out.State = state.String()
	if r.Severity != severities[0] {
		a.weigh(state)
	}
}
