package load

import (
	"context"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
)

// Ways of signing.
const (
	SignPre   = "pre"   // everything before the schedule starts: signing costs nothing while it runs
	SignAhead = "ahead" // by workers that run at most aheadOf before the schedule
	SignAuto  = "auto"  // pre up to preLimit messages
)

const (
	preLimit = 300_000
	aheadOf  = 2 * time.Second
	// signingTime is what one message takes, about: where it takes longer, the schedule starts later than its readings say.
	signingTime = 80 * time.Microsecond
)

// planned is a message of the plan that is signed. Each share of the trackers, a lane, has one signer and one releaser, in the
// order of the schedule.
type planned struct {
	i int // of the plan
	n int // tracker
	m device.Message
}

// send runs the schedule. Signing and releasing are separate, so that a slow signature delays no other lane, and a message
// that is not signed when due counts as lag of the generator.
func (r *run) send(ctx context.Context, sum *Summary) error {
	p := r.cfg.Plan
	sum.Signing = r.cfg.Sign
	if sum.Signing == SignAuto {
		sum.Signing = SignAhead
		if p.Messages() <= preLimit || p.Rate == 0 {
			sum.Signing = SignPre
		}
	}
	width := min(max(2, runtime.GOMAXPROCS(0)), p.Trackers)
	lanes := make([]chan planned, width)
	// A lane signs all of its messages before the first is released, so all of them must fit.
	room := (p.Trackers + width - 1) / width * ((p.Messages() + p.Trackers - 1) / p.Trackers)
	if sum.Signing == SignAhead {
		room = int(p.Rate*aheadOf.Seconds())/width + 1
	}
	for i := range lanes {
		lanes[i] = make(chan planned, room)
	}
	// Readings carry their due time, so the start has to be known before the first signature.
	r.start = time.Now().Add(time.Second)
	if sum.Signing == SignPre {
		r.signing = true
		r.cfg.Progress.Phase("sign", p.Messages())
		r.start = time.Now().Add(time.Second + time.Duration(p.Messages()/width)*signingTime)
	}

	r.signStart = r.start
	if r.cfg.API != nil {
		// Not before the assignments: such a message would belong to no shipment.
		r.window = max(0, r.start.Sub(r.assigned)-time.Second)
	}
	signers, sctx := errgroup.WithContext(ctx)
	for l := range lanes {
		signers.Go(func() error {
			defer close(lanes[l])
			return r.signLane(sctx, l, width, lanes[l])
		})
	}
	if sum.Signing == SignPre {
		if err := signers.Wait(); err != nil {
			return err
		}
		r.cfg.Progress.Set(p.Messages())
		if now := time.Now(); now.After(r.start) {
			r.start = now
		}
	}
	r.cfg.Progress.Phase("send", p.Messages())
	releasers, rctx := errgroup.WithContext(ctx)
	for l := range lanes {
		releasers.Go(func() error { return r.releaseLane(rctx, lanes[l]) })
	}
	err := releasers.Wait()
	if serr := signers.Wait(); err == nil {
		err = serr
	}
	if err != nil {
		return err
	}
	r.cfg.Progress.Set(p.Messages())
	sum.DurationS = round(time.Since(r.start).Seconds())
	if secs := time.Since(r.start).Seconds(); secs > 0 && p.Rate > 0 {
		sum.Rate = round(float64(r.published.Load()) / secs)
	}
	return nil
}

// signLane signs the messages of every width-th tracker, in the order of the schedule.
func (r *run) signLane(ctx context.Context, l, width int, ready chan<- planned) error {
	p := r.cfg.Plan
	total := p.Messages()
	for round := 0; round*p.Trackers < total; round++ {
		for n := l; n < p.Trackers; n += width {
			i := round*p.Trackers + n
			if i >= total {
				break
			}
			at := p.signedAt(i, r.signStart, r.window)
			m, err := r.chains[n].Sign(telemetry.Claims{Kind: telemetry.Data, TimeMS: at.UnixMilli()}, p.readings(n, round, at))
			if err != nil {
				return err
			}
			if done := r.signed.Add(1); r.signing && done%64 == 0 {
				r.cfg.Progress.Set(int(done))
			}
			select {
			case ready <- planned{i, n, m}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// releaseLane hands every message to its tracker when it is due.
func (r *run) releaseLane(ctx context.Context, ready <-chan planned) error {
	p := r.cfg.Plan
	for {
		var next planned
		var ok bool
		select {
		case next, ok = <-ready:
			if !ok {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		due := r.start.Add(p.Due(next.i))
		if !service.Pause(ctx, time.Until(due)) {
			return ctx.Err()
		}
		if p.Rate > 0 {
			r.lag.add(time.Since(due))
		}
		r.firstPub.CompareAndSwap(0, time.Now().UnixNano())
		d := r.devices[next.n]
		if r.journal != nil {
			// Before it can be acknowledged: an acknowledgement of an unknown message would look like a phantom.
			r.journal.Sent(d.ID(), next.m.Pos, next.m.Hash)
		}
		if err := d.Add(next.m); err != nil {
			return err
		}
		if done := r.published.Add(1); done%64 == 0 {
			r.cfg.Progress.Set(int(done))
		}
	}
}
