package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/internal/account"
	"github.com/trackseal/trackseal/internal/client"
	"github.com/trackseal/trackseal/internal/recording"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
	"github.com/trackseal/trackseal/tracker-sim/internal/scenario"
)

// What to wait for after the last message.
const (
	WaitNone     = "none"     // the application acks only
	WaitLogged   = "logged"   // every message has its leaf
	WaitAnchored = "anchored" // every message is below an accepted anchor
)

// Consignment is the shipment that the tracker travels on.
type Consignment interface {
	// Begin makes it unless it exists and binds the tracker to it for the window of a recording; the zero times mean from now on.
	Begin(ctx context.Context, from, to time.Time) error
	// Messages walks what the API shows, of all trackers.
	Messages(ctx context.Context) iter.Seq2[client.Message, error]
	// End delivers and closes it.
	End(ctx context.Context) error
}

// Recording is a file that was read.
type Recording struct {
	Readings   []telemetry.Reading // in the order of the file
	Quantities int                 // how many a reading can have
	recording.Report
}

// ErrTrackers: one replay is of one tracker.
var ErrTrackers = errors.New("the file names more than one tracker; a replay is of one: export each by itself")

// Read takes a logger's file.
func Read(r io.Reader, o recording.Options) (*Recording, error) {
	rec, of := &Recording{}, ""
	var err error
	rec.Report, err = recording.Read(r, o, func(tracker string, reading telemetry.Reading) error {
		if len(rec.Readings) > 0 && tracker != of {
			return ErrTrackers
		}
		of = tracker
		if len(reading.Values) > 0 { // what is out of range cannot be signed; the report tells of it
			rec.Readings = append(rec.Readings, telemetry.Reading{TimeMS: reading.TimeMS, Values: reading.Values})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, c := range rec.Columns {
		if _, ok := telemetry.FindQuantity(c.As); ok {
			rec.Quantities++
		}
	}
	return rec, nil
}

// Config of one replay.
type Config struct {
	Recording *Recording
	Batch     int     // readings per message
	Speed     float64 // 1 = original pace, 0 = as fast as possible
	Now       bool    // shift times to now instead of keeping them
	Device    device.Config
	Shipment  Consignment
	Wait      string
	Bound     time.Duration // on every wait
	Close     bool
	Progress  *scenario.Progress

	clock *recordedClock // nil when times are shifted to now
}

// recordedClock is the clock of a logger as it was when it recorded: the newest time that it has reached.
type recordedClock struct{ ms atomic.Int64 }

func newRecordedClock(at time.Time) *recordedClock {
	c := new(recordedClock)
	c.ms.Store(at.UnixMilli())
	return c
}

func (c *recordedClock) now() time.Time { return time.UnixMilli(c.ms.Load()) }

// reach is called by one goroutine only.
func (c *recordedClock) reach(at time.Time) { c.ms.Store(max(c.ms.Load(), at.UnixMilli())) }

// Validate says what is wrong with a parsed recording's replay, in terms of the flags.
func (cfg Config) Validate() error {
	if cfg.Wait != WaitNone && cfg.Wait != WaitLogged && cfg.Wait != WaitAnchored {
		return fmt.Errorf("--wait %q: must be logged, anchored or none", cfg.Wait)
	}
	quantities := cfg.Recording.Quantities
	if most := MaxBatch(quantities); cfg.Batch < 1 || cfg.Batch > most {
		return fmt.Errorf("--batch %d: must be 1 to %d for %d quantities", cfg.Batch, most, quantities)
	}
	return nil
}

// Summary of one replay.
type Summary struct {
	Tracker   string `json:"tracker"`
	Shipment  string `json:"shipment"` // with State and Verdict: for the caller to fill
	Readings  int    `json:"readings"`
	Messages  int    `json:"messages"` // data messages; a signing tracker sends a boot and an end message besides
	FirstTime string `json:"first_time"`
	LastTime  string `json:"last_time"`
	account.Report
	Resent   uint64  `json:"resent"`
	Seconds  float64 `json:"seconds"`
	State    string  `json:"state"`
	Verdict  string  `json:"verdict"` // compliance, as far as it is known
	Complete bool    `json:"complete"`
}

// Run replays. The tracker must be enrolled; Device carries its key or secret, its store and its dialer.
func Run(ctx context.Context, cfg Config) (Summary, error) {
	if err := cfg.Validate(); err != nil {
		return Summary{}, err
	}
	began := time.Now()
	readings := cfg.Recording.Readings
	if cfg.Now {
		readings = shift(readings, began, cfg.Speed)
	}
	batches := batches(readings, cfg.Batch)
	first, last := span(readings)
	sum := Summary{
		Tracker: cfg.Device.ID, Readings: len(readings), Messages: len(batches),
		FirstTime: first.UTC().Format(time.RFC3339Nano), LastTime: last.UTC().Format(time.RFC3339Nano),
	}
	var from, to time.Time // from now on
	if !cfg.Now {
		from, to = first, last.Add(time.Millisecond) // the window's end is not in it
		cfg.clock = newRecordedClock(first)
		cfg.Device.SignedAt = cfg.clock.now
	}
	if err := cfg.Shipment.Begin(ctx, from, to); err != nil {
		return sum, err
	}

	book := account.NewBook()
	cfg.Device.OnAck = func(done []device.Message) { // under the device's lock, so one at a time
		for _, m := range done {
			book.Acked(cfg.Device.ID, m.Pos, m.LeafHash(cfg.Device.ID))
		}
	}
	cfg.Device.OnGiveUp = func(gone []device.Message) { // it may have arrived all the same
		for _, m := range gone {
			book.Sent(cfg.Device.ID, m.Pos, m.LeafHash(cfg.Device.ID))
		}
	}
	d, err := device.Open(cfg.Device)
	if err != nil {
		return sum, err
	}
	if err := cfg.play(ctx, d, batches); err != nil {
		return sum, err
	}
	sum.Resent = d.Stats().Resent
	if err := d.Close(); err != nil {
		return sum, err
	}
	if cfg.Close {
		cfg.Progress.Phase("close", 0)
		if err := cfg.Shipment.End(ctx); err != nil {
			return sum, err
		}
	}
	sum.Report, sum.Complete, err = cfg.settle(ctx, book)
	sum.Seconds = time.Since(began).Round(10 * time.Millisecond).Seconds()
	return sum, err
}

func span(readings []telemetry.Reading) (first, last time.Time) {
	lo, hi := readings[0].TimeMS, readings[0].TimeMS
	for _, r := range readings {
		lo, hi = min(lo, r.TimeMS), max(hi, r.TimeMS)
	}
	return time.UnixMilli(lo), time.UnixMilli(hi)
}

// play sends the batches at their pace and returns when ingest holds all of them.
func (cfg Config) play(ctx context.Context, d *device.Device, batches []Batch) error {
	link, lctx := errgroup.WithContext(ctx)
	lctx, hangUp := context.WithCancel(lctx)
	defer hangUp()
	link.Go(func() error { return d.Run(lctx) })

	// An earlier replay may have left a full buffer.
	if cfg.Device.Signer != nil && d.Room(lctx) == nil {
		if err := d.Boot(0); err != nil {
			return err
		}
	}
	cfg.Progress.Phase("replay", len(batches))
	began := time.Now()
	for i, b := range batches {
		if cfg.Speed > 0 {
			due := began.Add(time.Duration(float64(b.At) / cfg.Speed))
			if !service.Pause(lctx, time.Until(due)) {
				break
			}
		}
		// The buffer is bounded: at full speed it fills faster than ingest acknowledges.
		if err := d.Room(lctx); err != nil {
			break
		}
		if cfg.clock != nil {
			_, last := span(b.Readings)
			cfg.clock.reach(last)
		}
		if err := d.Record(b.Readings); err != nil {
			return err
		}
		cfg.Progress.Set(i + 1)
	}
	if d.Room(lctx) == nil {
		if err := d.End(); err != nil {
			return err
		}
	}
	cfg.Progress.Phase("acks", 0)
	bound, cancel := context.WithTimeout(lctx, cfg.Bound)
	defer cancel()
	drained := d.Drained(bound)
	noLink := d.NoLink()
	hangUp()
	if err := link.Wait(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("stopped; %d messages wait in the tracker's buffer and go out with the next replay of it", d.Pending())
	}
	if drained != nil && noLink != nil {
		return fmt.Errorf("%d messages stay in the tracker's buffer: no connection to the broker: %w", d.Pending(), noLink)
	}
	if drained != nil {
		return fmt.Errorf("%d messages were not acknowledged within %s; they stay in the tracker's buffer", d.Pending(), cfg.Bound)
	}
	return nil
}

// settle compares what was acknowledged with what the API shows until it is all there.
func (cfg Config) settle(ctx context.Context, book *account.Book) (account.Report, bool, error) {
	if cfg.Wait == WaitNone {
		return account.Report{}, true, nil
	}
	cfg.Progress.Phase(cfg.Wait, 0)
	done := func(r account.Report) bool { return r.OK() && (cfg.Wait != WaitAnchored || r.Anchored == r.Stored) }
	ours := func(yield func(client.Message, error) bool) { // a shipment may have other trackers
		for m, err := range cfg.Shipment.Messages(ctx) {
			if (err != nil || m.Tracker == cfg.Device.ID) && !yield(m, err) {
				return
			}
		}
	}
	r, err := book.Settle(ctx, cfg.Bound, true, ours, done)
	return r, err == nil && done(r), err
}

// Batch is what one message carries.
type Batch struct {
	Readings []telemetry.Reading
	At       time.Duration // since the first reading of the recording, in recorded time
}

// messageRoom is how many bytes of a message a pack may fill: the rest is for the signed part.
const messageRoom = telemetry.MaxMessage - 1024

// recordRoom is more than one record takes in a pack or as JSON.
const recordRoom = 48

// MaxBatch is how many readings of so many quantities fit one message for certain.
func MaxBatch(quantities int) int {
	return max(1, min(telemetry.MaxRecords, messageRoom/recordRoom)/quantities)
}

// batches cuts a recording into messages. A reading with the time of an earlier one starts a new message, since times are
// unique in a message.
func batches(readings []telemetry.Reading, size int) (out []Batch) {
	seen := make(map[int64]bool, size)
	for from, to := 0, 0; from < len(readings); from = to {
		clear(seen)
		for to < len(readings) && to-from < size && !seen[readings[to].TimeMS] {
			seen[readings[to].TimeMS] = true
			to++
		}
		at := time.Duration(readings[to-1].TimeMS-readings[0].TimeMS) * time.Millisecond
		out = append(out, Batch{Readings: readings[from:to], At: at})
	}
	return out
}

// shift gives readings times around now: from now on with intervals that shrink by the speed, or up to now when they are not paced.
func shift(readings []telemetry.Reading, now time.Time, speed float64) []telemetry.Reading {
	first, last := span(readings)
	from, start := readings[0].TimeMS, now.UnixMilli()
	if speed == 0 {
		speed, start = 1, now.Add(-last.Sub(first)).UnixMilli()
	}
	out := make([]telemetry.Reading, len(readings))
	for i, r := range readings {
		out[i] = telemetry.Reading{TimeMS: start + int64(float64(r.TimeMS-from)/speed), Values: r.Values}
	}
	return out
}
