package compliance

import (
	"fmt"

	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// FaultCount tells of a tracker's readings whose value of a metric was no measurement. For that metric they are unknown time.
type FaultCount struct {
	Tracker  string                `json:"tracker"`
	Metric   string                `json:"metric"`
	Reason   telemetry.FaultReason `json:"reason"`
	Value    string                `json:"value"` // of the first one
	Readings int                   `json:"readings"`
	FirstMS  int64                 `json:"first_ms"`
	LastMS   int64                 `json:"last_ms"`
}

// faults counts, bounded by metrics, reasons and error values.
type faults []faultCount

type faultCount struct {
	detect.Fault
	readings        int
	firstMS, lastMS int64
}

func (f *faults) take(p *detect.Point) {
	for _, x := range p.Faults() {
		f.add(x, p.MS)
	}
}

func (f *faults) add(x detect.Fault, ms int64) {
	for i := range *f {
		c := &(*f)[i]
		if c.Metric == x.Metric && c.Reason == x.Reason && (x.Reason != telemetry.ErrorValue || c.Value == x.Value) {
			c.readings, c.lastMS = c.readings+1, ms
			return
		}
	}
	*f = append(*f, faultCount{x, 1, ms, ms})
}

// faults lists them, and says them where they may be why a verdict is what it is.
func (a *assembly) faults() {
	for _, st := range a.trackers {
		for _, c := range st.faults {
			a.res.Faults = append(a.res.Faults, FaultCount{st.tracker, c.Metric.String(), c.Reason, c.Value.String(), c.readings, c.firstMS, c.lastMS})
			what := c.Metric.String()
			if c.Reason == telemetry.NoFix {
				what = "position"
			}
			if a.worst != detect.Met {
				a.res.Reasons = append(a.res.Reasons, fmt.Sprintf("%s of %s without a measurement: %s (%s)", detect.Plural(c.readings, "reading"), what, c.Reason.Words(c.Value.String()), st.tracker))
			}
		}
	}
}
