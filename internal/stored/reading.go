package stored

import "time"

// Reading is what a tracker measured at one time, by quantity, with the leaf of its message.
type Reading struct {
	Log, Tracker string
	Leaf         uint64
	TimeMS       int64
	Values       map[string]float64
}

// ReadingsQuery selects readings of one or more logs, or of one tracker, in a time range [FromMS, ToMS), ToMS 0 = no end.
type ReadingsQuery struct {
	Logs         []string
	Tracker      string // "" = all of Logs; without Logs it is all that the tracker measured
	FromMS, ToMS int64
	Fields       []string  // quantity names; nil = all
	Limit        int       // 0 = no limit
	AfterTime    time.Time // exclusive cursor: (AfterTime, AfterTracker)
	AfterTracker string
}

// Window is one tracker's readings of [FromMS, ToMS): minimum, maximum, mean and count by quantity.
type Window struct {
	Tracker        string
	FromMS, ToMS   int64
	Readings       int64 // of any quantity
	Min, Max, Mean map[string]float64
	Count          map[string]int64
}
