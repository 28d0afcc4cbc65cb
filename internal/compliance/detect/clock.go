package detect

// Tally is how long one metric was in range, out of it, and unknown, in milliseconds. Where all limits of the metric are counted together,
// BelowMS is what of OutMS was below a limit; the rest was above one.
type Tally struct{ InMS, OutMS, UnknownMS, BelowMS int64 }

// Add takes the time of another one.
func (t *Tally) Add(o Tally) {
	t.InMS, t.OutMS, t.UnknownMS, t.BelowMS = t.InMS+o.InMS, t.OutMS+o.OutMS, t.UnknownMS+o.UnknownMS, t.BelowMS+o.BelowMS
}

// Finding begins a finding with the tally and what was found.
func (t Tally) Finding(found *Excursions) Finding {
	f := Finding{Tally: t}
	found.Into(&f)
	return f
}

// Clock accounts the time of one metric: what a reading says holds until the next one, at most for GapMS; what lies beyond is
// unknown.
type Clock struct {
	Tally
	GapMS  int64
	LastMS int64 // the last reading, while On
	On     bool  // there was a reading since the last Stop
	Seen   bool  // one of them told the metric

	lost   bool // the value holds no longer
	lostMS int64
}

// Lose tells that a reading at ms gave no measurement: what the last one said holds no longer.
func (c *Clock) Lose(ms int64) {
	if c.On && !c.lost {
		c.lost, c.lostMS = true, ms
	}
}

// Read takes a reading; seen says that it tells the metric. The time since the one before was in range.
func (c *Clock) Read(ms int64, seen bool) {
	c.Pass(ms, false)
	c.On, c.LastMS, c.Seen, c.lost = true, ms, c.Seen || seen, false
}

// Pass accounts the time since the last reading until ms, and tells how much of it is known and how much is not.
func (c *Clock) Pass(ms int64, out bool) (known, unknown int64) {
	if !c.On {
		return 0, 0
	}
	since := ms - c.LastMS
	known = min(since, c.GapMS)
	if c.lost {
		known = max(0, min(known, c.lostMS-c.LastMS))
	}
	unknown = since - known
	c.UnknownMS += unknown
	if out {
		c.OutMS += known
	} else {
		c.InMS += known
	}
	c.LastMS = ms
	return known, unknown
}

// Stop accounts the time until ms, and none from there to the next reading.
func (c *Clock) Stop(ms int64, out bool) {
	c.Pass(ms, out)
	c.On, c.lost = false, false
}

// Doubt gives the reason when a metric is not known all the time.
func (c *Clock) Doubt(f *Finding, what string) {
	switch {
	case !c.Seen:
		f.Because(Unknown, "no %s at all", what)
	case c.UnknownMS > 0:
		f.Because(Unknown, "%s unknown for %s", what, Span(c.UnknownMS))
	}
}
