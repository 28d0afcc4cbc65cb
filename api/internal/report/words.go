package report

import (
	"fmt"
	"strings"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/compliance/place"
)

// RuleText says in words what a rule asks.
func RuleText(r *compliance.Rule) string {
	var parts []string
	if r.Title != "" {
		parts = append(parts, r.Title)
	}
	text := kindText(r)
	var when []string
	for _, s := range r.Stages {
		when = append(when, strings.ReplaceAll(s, "_", " "))
	}
	if len(when) > 0 {
		text += ", " + strings.Join(when, " and ")
	}
	if r.SettleS > 0 {
		text += ", after " + seconds(r.SettleS)
	}
	if r.Per == "leg" {
		text += ", for each custodian"
	}
	if r.Optional {
		text += ", if measured"
	}
	return strings.Join(append(parts, text), ": ")
}

func kindText(r *compliance.Rule) string {
	switch {
	case r.Limit != nil:
		return limitText(r.Limit)
	case r.MKT != nil:
		return fmt.Sprintf("mean kinetic temperature over any %s at most %s °C", span(r.MKT.WindowS*1000), r.MKT.Max)
	case r.Budget != nil:
		return budgetText(r)
	case r.Shock != nil:
		c := r.Shock
		return "shocks" + with(" of ", c.Min, " m/s²") + with(" for ", c.MinMS, " ms") + with(", of ", c.MinVelocity, " m/s") + ": " + events(c.MaxEvents)
	case r.Drop != nil:
		return "drops from " + r.Drop.MinHeight + " m: " + events(r.Drop.MaxEvents)
	case r.Vibration != nil:
		return fmt.Sprintf("vibration of at most %s m/s² RMS over %s", r.Vibration.Max, seconds(r.Vibration.WindowS))
	case r.Opening != nil:
		return openingText(r)
	case r.Geofence != nil:
		text := map[string]string{"enter": "not inside ", "exit": "not out of ", "outside": "never outside of "}[r.Geofence.Forbid] + fences(r.Geofence.Fences)
		if r.Geofence.DwellS > 0 {
			text += " for " + seconds(r.Geofence.DwellS)
		}
		return text
	case r.Corridor != nil:
		return fmt.Sprintf("within %d m of the route", r.Corridor.WithinM)
	case r.Stop != nil:
		text := fmt.Sprintf("no stop of more than %s within %d m", seconds(r.Stop.MaxS), r.Stop.RadiusM)
		if len(r.Stop.AllowedIn) > 0 {
			text += " but in " + fences(r.Stop.AllowedIn)
		}
		return text
	case r.Silence != nil:
		text := "a reading at least every " + seconds(r.Silence.MaxS)
		if r.Silence.Promise {
			text += ", and as the tracker promised"
		}
		return text
	case r.Recorder != nil:
		return recorderText(r.Recorder)
	case len(r.All) > 0:
		return "not all at once: " + nested(r.All)
	case len(r.Any) > 0:
		return "none of: " + nested(r.Any)
	}
	return ""
}

// with is a part of a sentence that is left out without its value.
func with(before, value, after string) string {
	if value == "" {
		return ""
	}
	return before + value + after
}

func events(most int) string {
	if most == 0 {
		return "none"
	}
	return fmt.Sprintf("at most %d", most)
}

func fences(all []place.Fence) string {
	var ids []string
	for _, f := range all {
		ids = append(ids, f.ID)
	}
	return strings.Join(ids, ", ")
}

func budgetText(r *compliance.Rule) string {
	c := r.Budget
	var bands []string
	for _, b := range c.Bands {
		text := b.Min + " to " + b.Max
		if b.TotalS > 0 {
			text += ": " + span(b.TotalS*1000) + " in all"
		}
		if b.SingleS > 0 {
			text += ", " + span(b.SingleS*1000) + " at a time"
		}
		bands = append(bands, text)
	}
	return fmt.Sprintf("%s %s to %s %s; %s", c.Metric, c.LabelMin, c.LabelMax, Unit(c.Metric), strings.Join(bands, "; "))
}

func openingText(r *compliance.Rule) string {
	c := r.Opening
	text := "not opened"
	if c.MaxOpenS > 0 {
		text = "not open for more than " + seconds(c.MaxOpenS)
	}
	if len(c.AllowedIn) > 0 {
		text += ", but in " + fences(c.AllowedIn)
	}
	switch {
	case c.Door && c.LightAbove != "":
		return text + " (door, or light above " + c.LightAbove + " lx)"
	case c.Door:
		return text + " (door)"
	}
	return text + " (light above " + c.LightAbove + " lx)"
}

func recorderText(c *compliance.Recorder) string {
	var parts []string
	if c.Standard != "" && len(c.Intervals) == 0 {
		parts = append(parts, c.Standard+" interval")
	}
	for _, v := range c.Intervals {
		text := "a reading every " + seconds(v.MaxIntervalS)
		if v.TripBelowS > 0 {
			text += " on trips below " + seconds(v.TripBelowS)
		}
		parts = append(parts, text)
	}
	if c.Coverage != "" {
		parts = append(parts, "for "+c.Coverage+" of the time")
	}
	if c.Min != "" || c.Max != "" {
		parts = append(parts, strings.TrimSpace("sensor"+with(" from ", c.Min, "")+with(" to ", c.Max, "")))
	}
	if c.Calibration {
		parts = append(parts, "calibrated all the time")
	}
	if len(c.Measures) > 0 {
		parts = append(parts, "measures "+strings.Join(c.Measures, " or "))
	}
	return "recorder: " + strings.Join(parts, ", ")
}

func nested(rules []compliance.Rule) string {
	var parts []string
	for i := range rules {
		parts = append(parts, RuleText(&rules[i]))
	}
	return strings.Join(parts, "; ")
}

func limitText(c *compliance.Limit) string {
	text := fmt.Sprintf("no %s %s %s", c.Metric, strings.NewReplacer(">=", "≥", "<=", "≤").Replace(c.Op), c.Value)
	if u := Unit(c.Metric); u != "" {
		text += " " + u
	}
	switch c.Mode {
	case compliance.Consecutive:
		text += " for " + seconds(c.DurationS) + " in a row"
	case compliance.Cumulative:
		text += " for " + seconds(c.DurationS) + " in all"
		if c.WindowS > 0 {
			text += " within any " + seconds(c.WindowS)
		}
	default:
		text += " at any moment"
	}
	return text
}

func seconds(s int) string { return span(int64(s) * 1000) }

// Unit of a metric as people write it; "" for one that has none.
func Unit(metric string) string {
	m, ok := detect.MetricOf(metric)
	if !ok {
		return ""
	}
	return m.Quantity().Symbol
}
