package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/trackseal/trackseal/internal/account"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/tracker-sim/internal/scenario"
	"github.com/trackseal/trackseal/tracker-sim/internal/scenario/load"
)

func (a *app) loadCommand() *cobra.Command {
	var cfg load.Config
	var bare, fast bool
	cmd := &cobra.Command{
		Use:   "load",
		Short: "Send at a fixed rate, then account for every acknowledged message",
		Long: `Sends signed messages at a fixed rate (open loop) from freshly enrolled trackers, keeps a synced journal of what ingest
acknowledged, and then checks through the REST API that every acknowledged message is stored and logged exactly once.

Ingest, the API, InfluxDB and peers may be killed meanwhile: trackers reconnect and send again, within --drain.

Exit code: 0 all accounted for, 1 lost, doubled or altered, 2 could not judge, 3 the generator did not keep its schedule.

With --max the messages are encoded first and published as fast as the broker takes them. With --bare nothing is enrolled
and nobody is expected to acknowledge: the measure of a broker alone.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if fast || bare {
				cfg.Plan.Rate = 0
			} else if !(cfg.Plan.Rate > 0) { // not a number neither
				return fmt.Errorf("--rate %g: must be above 0; --max sends as fast as possible", cfg.Plan.Rate)
			}
			return a.load(cmd.Context(), cfg, bare)
		},
	}
	f := cmd.Flags()
	f.Float64Var(&cfg.Plan.Rate, "rate", 200, "messages per second, all trackers together")
	f.IntVar(&cfg.Plan.Trackers, "trackers", 50, "trackers, each with its own connection")
	f.DurationVar(&cfg.Plan.Duration, "duration", 30*time.Second, "how long to send")
	f.IntVar(&cfg.Plan.Readings, "readings-per-message", 10, "readings in each message, two quantities each")
	f.BoolVar(&fast, "max", false, "as fast as possible, --count messages encoded beforehand")
	f.IntVar(&cfg.Plan.Count, "count", 50_000, "messages, with --max or --bare")
	f.BoolVar(&bare, "bare", false, "a broker without ingest behind it: no enrolment, no acknowledgements, no account")
	f.IntVar(&cfg.PerShip, "trackers-per-shipment", 20, "trackers bound to one shipment")
	f.StringVar(&cfg.RuleSet, "rule-set", "general-2-8@1", "rule set of the shipments")
	f.StringVar(&cfg.Sign, "sign", load.SignAuto, "pre: sign all before the start; ahead: workers sign up to 2 s ahead; auto: pre up to 300000 messages")
	f.StringVar(&cfg.Plan.Name, "name", "", "prefix of tracker and shipment ids; the same name and --seed use the same trackers again (default: random)")
	f.Uint64Var(&cfg.Plan.Seed, "seed", 0, "seed of keys and values (default: random, or 1 with --name)")
	f.StringVar(&cfg.Journal, "journal", "", "file for the journal of acknowledgements (default: NAME.journal in the stack's fleet folder or the temporary folder)")
	f.DurationVar(&cfg.Drain, "drain", 5*time.Minute, "bound on waiting for acknowledgements, and again for the account")
	f.IntVar(&cfg.Sample, "sample", 50, "messages whose values are read back and compared")
	f.DurationVar(&cfg.MaxLag, "max-lag", 250*time.Millisecond, "schedule lag (99th percentile) above which the generator calls itself saturated")
	f.BoolVar(&a.asJSON, "json", false, "print the summary as JSON")
	return cmd
}

func (a *app) load(ctx context.Context, cfg load.Config, bare bool) error {
	name, seed := load.RunName("load")
	if cfg.Plan.Name != "" {
		name, seed = cfg.Plan.Name, 1
	}
	cfg.Plan.Name, cfg.Plan.Seed = name, cmp.Or(cfg.Plan.Seed, seed)
	if err := cfg.Validate(); err != nil {
		return err
	}
	log, err := a.log()
	if err != nil {
		return err
	}
	cfg.Log = log
	cfg.Progress = a.progress()

	var url string
	var through func() *tls.Config
	if bare {
		if a.mqtt == "" {
			return errors.New("--bare needs --mqtt, the URL of the broker")
		}
		if err := a.checkBroker(); err != nil {
			return err
		}
		url, cfg.Deployment = a.mqtt, a.deployment
		broker := scenario.Stack{MQTT: url}
		if err := broker.Trust(a.trust); err != nil {
			return err
		}
		through = broker.TLS
	} else {
		s, err := a.target()
		if err != nil {
			return err
		}
		url, through, cfg.Deployment = s.MQTT, s.TLS, s.Deployment
		carrier := s.Parties().Carrier
		cfg.API, cfg.Roles = carrier, s.Roles
		cfg.Plan.Name = ledger.OwnID(carrier.Org, cfg.Plan.Name)
		if err := cfg.Validate(); err != nil {
			return err
		}
		cfg.Logged = func(ctx context.Context) (uint64, error) {
			st, err := carrier.IngestStatus(ctx)
			return st.Logged, err
		}
		if cfg.Journal == "" {
			if cfg.Journal, err = journalPath(s, cfg.Plan.Name); err != nil {
				return err
			}
		}
		if err := checkJournal(cfg.Journal); err != nil { // before anything is enrolled for it
			return err
		}
	}
	cfg.Dial = scenario.Link{URL: url, TLS: through, Silent: true, Wait: bare, Log: log}.Dial

	sum, err := load.Run(ctx, cfg)
	cfg.Progress.End()
	if err != nil && ctx.Err() != nil && sum.JournalAt != "" {
		return fmt.Errorf("interrupted; `tracker-sim account %s` accounts for what was sent", sum.JournalAt)
	}
	if err != nil {
		return err
	}
	if err := a.print(sum, func(w io.Writer) { printSummary(w, sum) }); err != nil {
		return err
	}
	switch sum.Verdict {
	case load.VerdictLost:
		return &exit{code: exitVerdict}
	case load.VerdictSaturated:
		fmt.Fprintf(a.stderr, "tracker-sim: generator saturated: messages left up to %.0f ms late (99th percentile %.0f ms); lower --rate or use a faster machine\n",
			sum.ScheduleMS.Max, sum.ScheduleMS.P99)
		return &exit{code: exitSaturated}
	case load.VerdictIncomplete:
		return fmt.Errorf("%d messages were not acknowledged within --drain %s", sum.Unacked, cfg.Drain)
	}
	return nil
}

// journalPath never names an existing file: a journal is evidence and is not written over.
func journalPath(s *scenario.Stack, name string) (string, error) {
	dir := filepath.Join(os.TempDir(), "trackseal-load")
	if s.Dir != "" {
		dir = filepath.Join(s.Dir, "fleet", "load")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	return filepath.Join(dir, fmt.Sprintf("%s-%s.journal", name, time.Now().UTC().Format("20060102T150405.000"))), nil
}

// checkJournal: the file must not exist, its folder must.
func checkJournal(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("--journal %s: exists, and a journal is not written over; name another file", path)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return fmt.Errorf("--journal %s: there is no folder %s", path, filepath.Dir(path))
	}
	return nil
}

func printSummary(w io.Writer, s load.Summary) {
	row(w, "run", "%s, %s, %d trackers, signed %s", s.Name, s.Mode, s.Trackers, map[string]string{"pre": "beforehand", "ahead": "by workers ahead of the schedule"}[s.Signing])
	row(w, "rate", "%.1f messages/s over %.1f s", s.Rate, s.DurationS)
	if s.Mode != "bare" {
		row(w, "acknowledged", "%.1f messages/s; latency p50 %.1f ms, p99 %.1f ms, max %.1f ms", s.AckRate, s.AckMS.P50, s.AckMS.P99, s.AckMS.Max)
		if s.LoggedRate > 0 {
			row(w, "logged", "%.1f messages/s", s.LoggedRate)
		}
	}
	if s.Mode == "open-loop" {
		row(w, "schedule lag", "p50 %.2f ms, p99 %.2f ms, max %.2f ms", s.ScheduleMS.P50, s.ScheduleMS.P99, s.ScheduleMS.Max)
	}
	row(w, "link", "%d published, %d sent again, %d sessions", s.Published, s.Resent, s.Sessions)
	if s.Mode != "bare" {
		printReport(w, s.Report)
		row(w, "read back", "%d compared, %d differ", s.ReadBack, s.Mismatch)
		row(w, "journal", "%s", s.JournalAt)
	}
	row(w, "verdict", "%s", s.Verdict)
}

func printReport(w io.Writer, r account.Report) {
	row(w, "account", "%d sent, %d acknowledged, %d stored, %d logged, %d anchored", r.Sent, r.Acked, r.Stored, r.Logged, r.Anchored)
	row(w, "", "%d lost, %d doubled, %d phantom, %d without leaf, %d leaf errors", r.Lost, r.Doubled, r.Phantom, r.Unlogged, r.LeafErrors)
	if len(r.Flags) > 0 {
		var flags []string
		for f, n := range r.Flags {
			flags = append(flags, fmt.Sprintf("%s %d", f, n))
		}
		sort.Strings(flags)
		row(w, "flags", "%s", strings.Join(flags, ", "))
	}
	for _, f := range r.Findings {
		row(w, "finding", "%s", f)
	}
}

func (a *app) accountCommand() *cobra.Command {
	var bound time.Duration
	cmd := &cobra.Command{
		Use:   "account JOURNAL",
		Short: "Repeat the account of a load run from its journal",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			h, book, err := account.ReadJournal(f)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			s, err := a.target()
			if err != nil {
				return err
			}
			p := a.progress()
			report, err := load.Audit(cmd.Context(), s.Parties().Carrier, book, h.Shipments, bound, p)
			p.End()
			if err != nil {
				return err
			}
			if err := a.print(report, func(w io.Writer) { printReport(w, report) }); err != nil {
				return err
			}
			if !report.OK() {
				return &exit{code: exitVerdict}
			}
			return nil
		},
	}
	cmd.Flags().DurationVar(&bound, "settle", 0, "how long to wait for messages to be logged")
	cmd.Flags().BoolVar(&a.asJSON, "json", false, "print the report as JSON")
	return cmd
}
