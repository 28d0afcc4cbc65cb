package launcher

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/trackseal/trackseal/network/internal/hang"
	"github.com/trackseal/trackseal/network/internal/proc"
)

// watchHangs kills processes that run and have stopped answering, until ctx ends. A question may take as long as the pause between
// two.
func (l *Launcher) watchHangs(ctx context.Context, log *slog.Logger, as string, watch *hang.Watch, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		asking, enough := context.WithTimeout(ctx, every)
		readings, records := l.askAll(asking, as)
		enough()
		finding, found := watch.Look(time.Now(), readings)
		if found && ctx.Err() == nil {
			l.kill(ctx, log, records[finding.Process], finding.Process, finding.String())
		}
	}
}

// askAll asks every process of this watcher that runs whether it answers, side by side.
func (l *Launcher) askAll(ctx context.Context, as string) (readings []hang.Reading, records map[string]proc.Record) {
	w, err := readWishes(l.Stack)
	if err != nil {
		return nil, nil // the supervisor's main loop says so
	}
	records = map[string]proc.Record{}
	var live []proc.Probe
	for _, s := range w.Processes {
		r, err := l.table.Lookup(s.Name)
		if err != nil || s.Live == (proc.Probe{}) || !watches(as, s.Name) {
			continue
		}
		records[s.Name] = r
		readings, live = append(readings, hang.Reading{Process: s.Name, Run: r.Run()}), append(live, s.Live)
	}
	var group sync.WaitGroup
	for i := range readings {
		group.Go(func() {
			err := live[i].Check(ctx)
			_, unwell := errors.AsType[proc.Unready](err)
			if readings[i].Refused = errors.Is(err, proc.ErrRefused); readings[i].Refused || unwell || errors.Is(err, proc.ErrSilent) {
				readings[i].Err = err
			}
		})
	}
	group.Wait()
	return readings, records
}
