// Package load drives the system at a fixed rate and then accounts for every message that was acknowledged.
//
// The loop is open: a message is due at its planned time whatever the system does, so a stall shows as latency instead of
// as a lower rate. The generator measures how well it kept its own schedule and says when it did not.
package load

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/trackseal/trackseal/internal/account"
	"github.com/trackseal/trackseal/internal/client"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
	"github.com/trackseal/trackseal/tracker-sim/internal/scenario"
)

// API is what a run needs of the REST API. Of trackers and shipments, what exists already is used again.
type API interface {
	Enrol(ctx context.Context, tracker string, signer crypto.Signer, model string, sensors ...client.Sensor) (client.Tracker, error)
	Create(ctx context.Context, body client.CreateBody) (s client.Shipment, made bool, err error)
	Assign(ctx context.Context, shipment, tracker string) error
	Records
}

// Records is what the system shows of a shipment.
type Records interface {
	Messages(ctx context.Context, shipment string) iter.Seq2[client.Message, error]
	Readings(ctx context.Context, shipment string, of client.GetTelemetryParams) iter.Seq2[client.Reading, error]
}

// Config of one run.
type Config struct {
	Plan       Plan
	Deployment string
	Dial       device.Dialer
	API        API            // nil: bare, a broker without ingest behind it
	Roles      scenario.Roles // parties of the shipments
	RuleSet    string
	PerShip    int           // trackers per shipment
	Sign       string        // pre | ahead | auto
	Journal    string        // path of the oracle; "" with API nil
	Drain      time.Duration // bound on waiting for acknowledgements, and again for the account
	Sample     int           // messages whose values are read back
	MaxLag     time.Duration // schedule lag (99th percentile) that still counts as kept
	// Logged asks ingest how many messages it has logged so far; nil without access to it.
	Logged   func(ctx context.Context) (uint64, error)
	Progress *scenario.Progress
	Log      *slog.Logger
}

// Validate says what is wrong, in terms of the flags.
func (c Config) Validate() error {
	n := c.Plan.Messages()
	switch {
	case c.Sign != SignAuto && c.Sign != SignPre && c.Sign != SignAhead:
		return fmt.Errorf("--sign %q: must be pre, ahead or auto", c.Sign)
	case c.Sign == SignPre && n > maxSigned:
		return fmt.Errorf("--sign pre: %d messages do not fit into memory, %d do; use --sign ahead", n, maxSigned)
	case c.Sign == SignAhead && c.Plan.Rate == 0:
		return errors.New("--sign ahead: --max and --bare encode all messages beforehand; leave --sign out")
	case c.PerShip < 1 || c.PerShip > 1000:
		return fmt.Errorf("--trackers-per-shipment %d: must be 1 to 1000", c.PerShip)
	}
	return c.Plan.Validate()
}

// Summary is the result, printed as JSON with --json.
type Summary struct {
	Name     string `json:"name"`
	Mode     string `json:"mode"` // open-loop | max | bare
	Signing  string `json:"signing"`
	Trackers int    `json:"trackers"`
	Planned  int    `json:"planned"` // data messages of the plan; each tracker sends a boot message besides
	account.Report
	Unacked    int      `json:"unacked"`
	GivenUp    uint64   `json:"given_up"`
	Published  uint64   `json:"published"`
	Resent     uint64   `json:"resent"`
	Sessions   uint64   `json:"sessions"`
	Rate       float64  `json:"rate"`        // messages per second handed to the broker in the sending phase
	AckRate    float64  `json:"ack_rate"`    // messages per second from the first publish to the last acknowledgement
	LoggedRate float64  `json:"logged_rate"` // the same to the last one logged, where ingest's status is readable
	DurationS  float64  `json:"duration_s"`  // of the sending phase
	ScheduleMS Spread   `json:"schedule_lag_ms"`
	AckMS      Spread   `json:"ack_latency_ms"` // from due to acknowledged
	Saturated  bool     `json:"saturated"`
	ReadBack   int      `json:"read_back"`  // messages whose values were compared
	Mismatch   int      `json:"mismatched"` // of those, with other values
	Shipments  []string `json:"shipments"`
	JournalAt  string   `json:"journal,omitempty"`
	Verdict    string   `json:"verdict"` // ok | lost | saturated | incomplete
}

// Verdicts, in the order in which they win.
const (
	VerdictLost       = "lost"       // acknowledged messages are missing, doubled, altered or without a leaf
	VerdictIncomplete = "incomplete" // messages were not acknowledged within the bound
	VerdictSaturated  = "saturated"  // the generator did not keep its schedule, so the rates say nothing
	VerdictOK         = "ok"
)

// run is one run under way.
type run struct {
	cfg       Config
	journal   *account.Journal
	devices   []*device.Device
	chains    []device.Chain
	shipments []string
	start     time.Time
	lag, ack  *hist
	signing   bool // before the schedule, as a phase of its own
	signed    atomic.Int64
	published atomic.Int64
	ackedData atomic.Int64
	firstPub  atomic.Int64 // unix ns
	lastAck   atomic.Int64
	signStart time.Time // the start that the signatures assumed; r.start may be later
	assigned  time.Time // when all trackers were
	window    time.Duration
	// loggedBefore is ingest's count of logged messages before the run.
	loggedBefore uint64
}

// Run executes the plan. An error says that there is no verdict.
func Run(ctx context.Context, cfg Config) (Summary, error) {
	r := &run{cfg: cfg, lag: newHist(), ack: newHist()}
	sum := Summary{Name: cfg.Plan.Name, Mode: "open-loop", Trackers: cfg.Plan.Trackers, Planned: cfg.Plan.Messages()}
	if cfg.Plan.Rate == 0 {
		sum.Mode = "max"
	}
	if cfg.API == nil {
		sum.Mode = "bare"
		drained, err := r.play(ctx, &sum)
		sum.Verdict = verdict(sum, drained)
		return sum, errors.Join(err, ctx.Err())
	}
	if err := r.enrol(ctx); err != nil {
		return sum, fmt.Errorf("set-up: %w", err)
	}
	sum.Shipments, r.assigned = r.shipments, time.Now()
	var err error
	if r.journal, err = account.NewJournal(cfg.Journal, account.Header{Name: cfg.Plan.Name, Shipments: r.shipments}); err != nil {
		return sum, fmt.Errorf("journal: %w", err)
	}
	sum.JournalAt = cfg.Journal
	// A run that is interrupted can be accounted for as well: the journal ends after the last tracker has.
	jctx, closeJournal := context.WithCancel(context.WithoutCancel(ctx))
	defer closeJournal()
	journal, pctx := errgroup.WithContext(ctx)
	journal.Go(func() error { return r.journal.Run(jctx) })
	drained, err := r.play(pctx, &sum)
	closeJournal()
	if jerr := journal.Wait(); jerr != nil {
		err = jerr // it is why the run stopped
	}
	if err != nil {
		return sum, err
	}
	if sum.Report, err = Audit(ctx, cfg.API, r.journal.Book(), r.shipments, cfg.Drain, cfg.Progress); err != nil {
		return sum, fmt.Errorf("account: %w", err)
	}
	if err := r.readBack(ctx, &sum); err != nil {
		return sum, fmt.Errorf("read back: %w", err)
	}
	sum.Verdict = verdict(sum, drained)
	return sum, nil
}

// play connects the trackers, runs the schedule and waits for the acknowledgements; drained tells which of them are missing. When
// it returns, no tracker is connected.
func (r *run) play(ctx context.Context, sum *Summary) (drained, err error) {
	links := new(errgroup.Group)
	lctx, hangUp := context.WithCancel(ctx)
	defer func() {
		hangUp()
		err = errors.Join(err, links.Wait())
	}()
	if r.cfg.Logged != nil {
		if r.loggedBefore, err = r.cfg.Logged(ctx); err != nil {
			r.cfg.Log.WarnContext(ctx, "ingest's status is not readable, no logged rate", "error", err)
			r.cfg.Logged = nil
		}
	}
	if err := r.connect(lctx, links); err != nil {
		return nil, err
	}
	if err := r.send(ctx, sum); err != nil {
		return nil, err
	}
	drained = r.drain(ctx)
	r.rates(ctx, sum)
	for _, d := range r.devices {
		s := d.Stats()
		sum.Published += s.Published
		sum.Resent += s.Resent
		sum.Sessions += s.Sessions
		sum.GivenUp += s.GivenUp
		sum.Unacked += d.Pending()
	}
	sum.ScheduleMS, sum.AckMS = r.lag.spread(), r.ack.spread()
	sum.Saturated = r.cfg.Plan.Rate > 0 && r.lag.quantile(0.99) > r.cfg.MaxLag
	return drained, nil
}

func verdict(s Summary, drained error) string {
	switch {
	case !s.OK() || s.Mismatch > 0:
		return VerdictLost
	case drained != nil:
		return VerdictIncomplete
	case s.Saturated:
		return VerdictSaturated
	}
	return VerdictOK
}

// connect opens every session and waits until ingest has acknowledged every boot message, so that the schedule starts with
// a system that works and no connection storm in it.
func (r *run) connect(ctx context.Context, links *errgroup.Group) error {
	p := r.cfg.Plan
	r.cfg.Progress.Phase("connect", p.Trackers)
	boot := uint64(time.Now().Unix())  // above every earlier run of the same trackers, which keep no state
	dials := semaphore.NewWeighted(32) // a storm of handshakes would time out on a small machine
	dial := func(ctx context.Context, tracker string, password func() string) (device.Conn, error) {
		if err := dials.Acquire(ctx, 1); err != nil {
			return nil, err
		}
		defer dials.Release(1)
		return r.cfg.Dial(ctx, tracker, password)
	}
	limit := p.Messages()/p.Trackers + 16
	window, ackTimeout := 256, 10*time.Second
	switch {
	case r.cfg.API == nil: // without ingest no acknowledgement ever comes
		window, ackTimeout = limit, 24*time.Hour
	case p.Rate == 0: // the queue ahead of one is long
		ackTimeout = 30 * time.Second
	}
	for n := range p.Trackers {
		id := p.Tracker(n)
		d, err := device.Open(device.Config{
			ID: id, Signer: device.DeriveKey(p.Seed, id), Deployment: r.cfg.Deployment, Dial: dial, Log: r.cfg.Log,
			Limit: limit, Window: window, AckTimeout: ackTimeout,
			OnAck: func(done []device.Message) { r.onAck(id, n, done) },
		})
		if err != nil {
			return err
		}
		r.devices = append(r.devices, d)
		if r.cfg.API != nil {
			if err := d.Boot(boot); err != nil {
				return err
			}
			r.journal.Sent(id, telemetry.Position{Boot: boot}, d.TakeChain().Prev)
		}
		chain := d.TakeChain()
		chain.Next.Boot = boot // without a boot message as well
		r.chains = append(r.chains, chain)
		links.Go(func() error { return d.Run(ctx) })
	}
	bctx, cancel := context.WithTimeout(ctx, max(time.Minute, time.Duration(p.Trackers)*20*time.Millisecond))
	defer cancel()
	for n, d := range r.devices {
		if err := d.Online(bctx); err != nil {
			return fmt.Errorf("tracker %s got no connection (%d of %d have one): %s", d.ID(), n, p.Trackers, oneLine(err))
		}
		if err := d.Drained(bctx); err != nil {
			return fmt.Errorf("ingest did not acknowledge the boot message of tracker %s (it did for %d of %d)", d.ID(), n, p.Trackers)
		}
		r.cfg.Progress.Set(n + 1)
	}
	return nil
}

func (r *run) onAck(id string, n int, done []device.Message) {
	now := time.Now()
	for _, m := range done {
		r.journal.Acked(id, m.Pos, m.Hash)
		if m.Pos.Seq == 0 {
			continue // boot message, before the schedule
		}
		i := n + int(m.Pos.Seq-1)*r.cfg.Plan.Trackers
		r.ack.add(now.Sub(r.start.Add(r.cfg.Plan.Due(i))))
	}
	r.lastAck.Store(now.UnixNano())
	r.ackedData.Add(int64(len(done)))
}

// drain waits until everything is acknowledged, or published when nobody acknowledges.
func (r *run) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Drain)
	defer cancel()
	r.cfg.Progress.Phase("drain", len(r.devices))
	for n, d := range r.devices {
		wait := d.Drained
		if r.cfg.API == nil {
			wait = d.Published
		}
		if err := wait(ctx); err != nil {
			return fmt.Errorf("tracker %s still has %d messages", d.ID(), d.Pending())
		}
		r.cfg.Progress.Set(n + 1)
	}
	return nil
}

// RunName is a fresh name for a run of something, and its seed.
func RunName(what string) (name string, seed uint64) {
	seed = rand.Uint64()
	return fmt.Sprintf("%s-%06x", what, seed>>40), seed
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", ": ") }

func round(f float64) float64 { return math.Round(f*10) / 10 }
