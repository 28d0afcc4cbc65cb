package run

import (
	"context"
	"time"

	"github.com/trackseal/trackseal/internal/service"
)

const (
	// forgetEvery is between two passes over what recognises repeated messages; each takes its time.
	forgetEvery = 24 * time.Hour
	forgetKeys  = 500 // of a step: some milliseconds in which nothing is placed
	forgetPause = 50 * time.Millisecond
)

// forget lets the journal forget by what it recognises messages that came longer ago than Config.Remember.
func (p *Pipeline) forget(ctx context.Context) error {
	var from []byte
	wait := time.Minute // the start is busy enough
	for total := 0; service.Pause(ctx, wait); {
		next, gone, err := p.seq.Forget(from, p.cfg.Now().Add(-p.cfg.Remember).UnixMilli(), forgetKeys)
		total += gone
		switch {
		case err != nil:
			p.cfg.Log.Error("the journal cannot forget, trying again", "err", err, "wait", time.Minute)
			wait = time.Minute
		case next != nil:
			from, wait = next, forgetPause
		default:
			p.cfg.Log.Info("the journal has forgotten old messages", "keys", total)
			from, wait, total = nil, forgetEvery, 0
		}
	}
	return nil
}
