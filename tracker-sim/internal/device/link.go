package device

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/telemetry"
)

const (
	lastRedial = 15 * time.Second
	// steady is how long a session must have held before the wait to the next attempt starts small again.
	steady = 30 * time.Second
	// longestAckWait bounds the doubling wait for an acknowledgement.
	longestAckWait = time.Minute
	// publishTimeout bounds one PUBACK.
	publishTimeout = 20 * time.Second
)

// Run keeps the tracker connected while its radio is on and publishes what it has, until ctx ends. The error is the
// store's; a lost link is none.
func (d *Device) Run(ctx context.Context) error {
	wait := d.cfg.Redial
	var away time.Time // of the first attempt that failed
	warned := false
	for {
		if d.await(ctx, func() bool { return d.radio }) != nil {
			return nil
		}
		conn, err := d.cfg.Dial(ctx, d.cfg.ID, d.password)
		if err == nil {
			began := time.Now()
			away, warned = time.Time{}, false
			err = d.session(ctx, conn)
			if time.Since(began) > steady {
				wait = d.cfg.Redial
			}
		} else {
			d.mu.Lock()
			d.dialErr = err
			d.mu.Unlock()
			if away.IsZero() {
				away = time.Now()
			}
			if d.cfg.Patience > 0 && !warned && time.Since(away) >= d.cfg.Patience && ctx.Err() == nil {
				warned = true
				d.cfg.Log.WarnContext(ctx, "still no link; trying on", "error", err)
			}
		}
		if fatal, ok := errors.AsType[storeError](err); ok {
			return fatal.err
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.Is(err, errRadioOff) {
			d.cfg.Log.DebugContext(ctx, "no link", "error", err, "again_in", wait)
			if !service.Pause(ctx, jitter(wait)) {
				return nil
			}
			wait = min(2*wait, lastRedial)
		}
	}
}

// storeError marks an error that no reconnection cures.
type storeError struct{ err error }

func (e storeError) Error() string { return e.err.Error() }

var errRadioOff = errors.New("radio is off")

// session publishes over one connection until it breaks. Acknowledgements are read beside it: a publisher that waits for
// PUBACK must not keep the connection's reader waiting.
func (d *Device) session(ctx context.Context, conn Conn) error {
	defer conn.Close()
	ctx, hangUp := context.WithCancelCause(ctx)
	defer hangUp(nil)

	d.mu.Lock()
	if !d.radio {
		d.mu.Unlock()
		return errRadioOff
	}
	d.hangUp = func() { hangUp(errRadioOff) }
	d.out.cursor = 0
	d.stats.Sessions++
	d.changed.Broadcast()
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		d.hangUp = nil
		d.mu.Unlock()
	}()

	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			select {
			case msg := <-conn.Down():
				err := d.receive(msg)
				if _, fatal := errors.AsType[storeError](err); fatal {
					hangUp(err)
					return
				}
				if err != nil {
					d.cfg.Log.WarnContext(ctx, "down message ignored", "error", err)
				}
			case <-ctx.Done():
				return
			}
		}
	})
	hangUp(d.publish(ctx, conn))
	reader.Wait()
	return context.Cause(ctx)
}

// publish sends in order and at most a window ahead of the acknowledgements; without progress it starts again from the
// oldest message, waiting twice as long each time.
func (d *Device) publish(ctx context.Context, conn Conn) error {
	topic := telemetry.Topic(d.cfg.ID, telemetry.Up)
	if d.cfg.Signer == nil {
		topic = telemetry.Topic(d.cfg.ID, telemetry.JSON)
	}
	d.mu.Lock()
	d.progress, d.ackWait = time.Now(), d.cfg.AckTimeout
	d.mu.Unlock()
	for ctx.Err() == nil {
		if err := d.declare(); err != nil {
			return storeError{err}
		}
		d.mu.Lock()
		m, ok := d.out.next()
		ok = ok && d.out.cursor < d.window()
		if ok && d.out.cursor == 0 {
			d.progress = time.Now()
		}
		var overdue <-chan time.Time
		if !ok && d.out.cursor > 0 {
			overdue = time.After(time.Until(d.progress.Add(d.ackWait)))
		}
		d.mu.Unlock()

		if ok {
			pctx, cancel := context.WithTimeout(ctx, publishTimeout)
			err := conn.Publish(pctx, topic, m.Raw)
			cancel()
			if err != nil {
				return err
			}
			d.mu.Lock()
			d.count(m)
			d.out.sent(m)
			d.changed.Broadcast()
			d.mu.Unlock()
			continue
		}
		select {
		case <-d.kick:
		case <-overdue:
		case <-ctx.Done():
		}
		d.mu.Lock()
		if d.out.cursor > 0 && time.Since(d.progress) >= d.ackWait {
			d.out.cursor = 0
			d.progress, d.ackWait = time.Now(), jitter(min(2*d.ackWait, longestAckWait))
		}
		d.mu.Unlock()
	}
	return ctx.Err()
}

// count notes that the broker has taken m. Why a message goes again (an overdue acknowledgement, a new session) does not matter: messages
// go in order, so one that is not beyond the furthest went before.
func (d *Device) count(m Message) {
	if d.stats.Published > 0 && !d.furthest.Less(m.Pos) {
		d.stats.Resent++
	} else {
		d.furthest = m.Pos
	}
	d.stats.Published++
}

// window is how far the publisher may run ahead. Ingest cannot acknowledge past a loss before it has the declaration,
// which stands at the end of the queue, so with one queued there is no window.
func (d *Device) window() int {
	if d.out.gaps > 0 {
		return len(d.out.queue) + 1
	}
	return d.cfg.Window
}
