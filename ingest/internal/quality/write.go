package quality

import (
	"context"
	"errors"

	"github.com/trackseal/trackseal/internal/quality"
	"github.com/trackseal/trackseal/internal/stored"
)

// batchPoints bounds one write.
const batchPoints = 5000

// point is an hour as InfluxDB keeps it. Counts of 0 are left out, for each field costs InfluxDB something, unless zero is what
// a count may have become.
func point(tracker string, h *quality.Hour, zeros bool) stored.QualityHour {
	p := stored.QualityHour{Tracker: tracker, StartMS: h.StartMS, Readings: h.Readings, Minutes: h.Minutes, Expected: h.Expected,
		Flags: make(map[string]int64, quality.Reasons)}
	for r := range quality.Reasons {
		if zeros || h.Flags[r] > 0 {
			p.Flags[r.String()] = h.Flags[r]
		}
	}
	return p
}

// put queues an hour of a tracker's scorer for being written.
func (w *Watcher) put(id string, h *quality.Hour, zeros bool) {
	k := hourKey{id, h.StartMS}
	counted := *h
	counted.Flags[quality.Drift] += w.drift[k]
	if _, waits := w.unwritten[k]; waits {
		zeros = true // it may have been scored again
	}
	w.unwritten[k] = point(id, &counted, zeros)
}

// drain queues the hours that changed.
func (w *Watcher) drain(id string, t *tracker) {
	for _, h := range t.scorer.Drain() {
		w.put(id, &h, false)
	}
}

// write stores the hours that changed and the flags. Points that were not taken are written again; that changes nothing.
// Hours that wait for being scored again are not written: what is in memory is less than what InfluxDB holds.
func (w *Watcher) write(ctx context.Context) {
	for id := range w.changed {
		if t := w.trackers[id]; t != nil {
			t.flags = 0
			w.drain(id, t)
		}
		delete(w.changed, id)
	}
	w.batch.Reset()
	var keys []hourKey
	flags := 0
	for flags < len(w.odd) && w.batch.Points() < batchPoints {
		w.batch.QualityFlag(&w.odd[flags])
		flags++
	}
	for k, h := range w.unwritten {
		if w.batch.Points() >= batchPoints {
			break
		}
		if !w.again[k] {
			w.batch.QualityHour(&h)
			keys = append(keys, k)
		}
	}
	if w.batch.Points() == 0 {
		return
	}
	err := w.batch.Write(ctx)
	_, refused := errors.AsType[*stored.RejectedError](err)
	switch {
	case refused:
		w.cfg.Log.Error("InfluxDB refuses points of data quality", "points", w.batch.Points(), "err", err)
	case err != nil:
		w.cfg.Log.Debug("points of data quality not written, later again", "err", err)
		return
	}
	w.odd = w.odd[flags:]
	for _, k := range keys {
		delete(w.unwritten, k)
	}
	if len(keys)+flags >= batchPoints && ctx.Err() == nil {
		w.write(ctx)
	}
}
