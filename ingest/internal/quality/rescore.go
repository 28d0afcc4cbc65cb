package quality

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/trackseal/trackseal/internal/quality"
	"github.com/trackseal/trackseal/internal/stored"
)

const (
	maxAgain   = 50_000 // hours that wait for being scored again
	againAt    = 200    // of them, at one time
	lateHours  = 72     // a late reading this much older than the newest is not scored
	lookBack   = 5 * quality.HourMS
	maxRescore = 200_000 // readings of one hour, and of all hours at one time
	goBack     = 3
)

// late makes a reading that is older than the newest count, by scoring its hour again.
//
// A reading from too long ago is not scored. But three of them in a row say that the newest one had a wrong clock, or that an
// old buffer is being sent: the scorer goes back to that time.
func (w *Watcher) late(id string, t *tracker, r quality.Reading) {
	newest, _ := t.scorer.NewestMS()
	if r.MS >= newest-lateHours*quality.HourMS {
		w.askAgain(hourKey{id, quality.HourOf(r.MS)})
		return
	}
	if t.back++; t.back == goBack {
		w.drain(id, t)
		w.askAgain(hourKey{id, quality.HourOf(newest)})
		w.askAgain(hourKey{id, quality.HourOf(r.MS)})
		t.back, t.scorer = 0, quality.Scorer{}
		t.scorer.Add(r, func(f quality.Flag) { w.flag(id, t, f) })
		return
	}
	w.tooOld.Add(1)
}

func (w *Watcher) askAgain(k hourKey) {
	if len(w.again) < maxAgain || w.again[k] {
		w.again[k] = true
		return
	}
	w.tooOld.Add(1)
}

// rescore scores hours again from what InfluxDB holds.
func (w *Watcher) rescore(ctx context.Context) {
	keys := slices.SortedFunc(maps.Keys(w.again), func(a, b hourKey) int {
		return cmp.Or(cmp.Compare(a.tracker, b.tracker), cmp.Compare(a.startMS, b.startMS))
	})
	w.replayed = 0
	for _, k := range keys[:min(len(keys), againAt)] {
		if w.replayed > maxRescore {
			return
		}
		if !w.again[k] {
			continue // done together with another hour
		}
		t := w.trackers[k.tracker]
		if t == nil {
			delete(w.again, k) // forgotten since; when it is heard again, this happens again
			continue
		}
		newest, _ := t.scorer.NewestMS()
		var err error
		if k.startMS >= t.scorer.Since() && k.startMS <= newest {
			err = w.renew(ctx, k.tracker, t)
		} else {
			err = w.past(ctx, k, t)
		}
		if err != nil {
			w.cfg.Log.Debug("hour of data quality not scored, later again", "tracker", k.tracker, "err", err)
			return
		}
	}
}

var errEnough = errors.New("enough readings")

// replay scores a tracker's readings of [fromMS, toMS), toMS 0 = no end, with what the checks need to know of the time before.
func (w *Watcher) replay(ctx context.Context, id string, t *tracker, fromMS, toMS int64, flag func(quality.Flag)) (*quality.Scorer, error) {
	s, n, log := &quality.Scorer{}, 0, ""
	var same []stored.Reading // of one time: a message of two shipments gives each of its readings twice
	score := func() {
		slices.SortStableFunc(same, func(a, b stored.Reading) int { // first those of the log that goes on
			return cmp.Compare(other(a.Log, log), other(b.Log, log))
		})
		for i, r := range same {
			if slices.ContainsFunc(same[:i], func(x stored.Reading) bool { return maps.Equal(x.Values, r.Values) }) {
				continue
			}
			if r.Log != log { // another shipment
				s.Pause()
				log = r.Log
			}
			sensors, _ := w.cfg.Assigned(t.shipment, id, r.TimeMS)
			s.Add(quality.NewReading(r.TimeMS, r.Values, sensors), func(f quality.Flag) {
				if f.MS >= fromMS {
					flag(f)
				}
			})
		}
		same = same[:0]
	}
	err := w.cfg.Database.Readings(ctx, stored.ReadingsQuery{Tracker: id, FromMS: fromMS - lookBack, ToMS: toMS}, func(r stored.Reading, _ time.Time) error {
		if len(same) > 0 && same[0].TimeMS != r.TimeMS {
			score()
		}
		same = append(same, r)
		if n++; n == maxRescore {
			return errEnough
		}
		return nil
	})
	score()
	w.replayed += n
	if errors.Is(err, errEnough) {
		err = nil
	}
	return s, err
}

func other(a, b string) int {
	if a != b {
		return 1
	}
	return 0
}

// renew scores the two hours again that a tracker's scorer counts. Readings that wait in the queue are in InfluxDB too: it
// goes to the newest that was scored. Where readings were missed it goes to the end, and what is in the queue comes late.
func (w *Watcher) renew(ctx context.Context, id string, t *tracker) error {
	w.drain(id, t)
	newest, _ := t.scorer.NewestMS()
	since := t.scorer.Since()
	was := map[int64][quality.Reasons]int64{}
	for _, h := range t.scorer.Hours() {
		was[h.StartMS] = h.Flags
	}
	end := newest + 1
	if t.missed {
		end = 0
	}
	s, err := w.replay(ctx, id, t, since, end, func(f quality.Flag) { w.keep(id, t, f) })
	if err != nil {
		return err
	}
	for _, h := range s.Hours() {
		k := hourKey{id, h.StartMS}
		for range was[h.StartMS][quality.Drift] {
			s.Count(quality.Flag{MS: h.StartMS, Reason: quality.Drift})
		}
		for r := range quality.Reasons {
			if more := h.Flags[r] - was[h.StartMS][r]; more > 0 {
				w.counts[r].Add(uint64(more))
			}
		}
		delete(w.again, k)
	}
	delete(w.again, hourKey{id, since})
	t.scorer, t.missed = *s, false
	for _, h := range t.scorer.Drain() {
		if h.StartMS >= since { // what is before is only what the checks look back at
			w.put(id, &h, true)
		}
	}
	return nil
}

// past scores an hour again that the tracker has left behind.
func (w *Watcher) past(ctx context.Context, k hourKey, t *tracker) error {
	keep := func(f quality.Flag) {
		if quality.HourOf(f.MS) == k.startMS {
			w.keep(k.tracker, t, f)
		}
	}
	w.drain(k.tracker, t) // or it would come after this
	// The hour after it decides about its last readings.
	s, err := w.replay(ctx, k.tracker, t, k.startMS, k.startMS+2*quality.HourMS, keep)
	if err != nil {
		return err
	}
	if newest, ok := s.NewestMS(); ok && newest < k.startMS+quality.HourMS && t.latest >= k.startMS+quality.HourMS {
		s.Close(keep)
	}
	delete(w.again, k)
	for _, h := range s.Drain() {
		if h.StartMS == k.startMS {
			p := point(k.tracker, &h, true)
			delete(p.Flags, quality.Drift.String()) // not scored again: InfluxDB keeps the count that it has
			w.unwritten[k] = p
		}
	}
	return nil
}
