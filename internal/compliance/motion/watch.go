package motion

import "github.com/trackseal/trackseal/internal/compliance/detect"

// watch accounts the time that readings speak for: each does until the next, at most for maxGap.
type watch struct {
	maxGap int64

	lastMS int64
	on     bool // had a reading since the last cut
	seen   bool // had a value ever

	inMS, unknownMS int64
}

// reading takes the next one.
func (w *watch) reading(ms int64, value bool) {
	w.until(ms)
	w.on, w.seen, w.lastMS = true, w.seen || value, ms
}

func (w *watch) until(ms int64) {
	if w.on {
		since := ms - w.lastMS
		known := min(since, w.maxGap)
		w.inMS += known
		w.unknownMS += since - known
	}
}

func (w *watch) cut(ms int64) {
	w.until(ms)
	w.on = false
}

// unknown gives the reasons why a metric is not known all the time.
func (w *watch) unknown(what string) []string {
	switch {
	case !w.seen:
		return []string{"no " + what + " at all"}
	case w.unknownMS > 0:
		return []string{what + " unknown for " + detect.Span(w.unknownMS)}
	}
	return nil
}
