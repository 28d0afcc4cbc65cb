package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/trackseal/trackseal/tracker-sim/internal/scenario"
	"github.com/trackseal/trackseal/tracker-sim/internal/scenario/fleet"
)

func (a *app) runCommand() *cobra.Command {
	var cfg fleet.Config
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Play a seeded fleet of reefers",
		Long: `Plays a fleet: shipments with trackers on European roads, with reefers that cycle, doors, shocks, radio outages with the
readings sent afterwards, and clocks that drift. The shipper creates each shipment, the carrier takes it with its trackers,
the consignee accepts and delivers it, the carrier closes it, and another takes its place. The second shipment's door is
forgotten (not compliant), the third's radio is silent for long, the fourth's tracker cannot sign.

--speed compresses the trips. Timestamps stay real: ingest compares a tracker's clock with its own.

With the same --seed, keys and measurements are the same: this is for demonstrations, anyone can make those keys. Stopped
and started again with the same --state, it goes on where it was.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cfg.Trackers == 0 {
				cfg.Trackers = cfg.Shipments + cfg.Shipments/3
			}
			if err := cfg.Validate(); err != nil {
				return err
			}
			s, log, err := a.open()
			if err != nil {
				return err
			}
			if len(s.API) < 3 {
				return fmt.Errorf("run acts for three organisations and needs --stack")
			}
			cfg.State = stateDir(cfg.State, s, "run")
			cfg.Deployment, cfg.Log, cfg.Out = s.Deployment, log, a.stdout
			cfg.Dial = scenario.Link{URL: s.MQTT, TLS: s.TLS, Log: log}.Dial
			cfg.Parties = s.Parties()
			return fleet.Run(cmd.Context(), cfg)
		},
	}
	f := cmd.Flags()
	f.Uint64Var(&cfg.Seed, "seed", 1, "seed of everything")
	f.Float64Var(&cfg.Pace.Speed, "speed", 60, "how many times faster than a real trip")
	f.IntVar(&cfg.Shipments, "shipments", 6, "shipments at play")
	f.IntVar(&cfg.Trackers, "trackers", 0, "trackers (default: a third more than shipments)")
	f.IntVar(&cfg.Pace.PerMessage, "readings-per-message", 5, "readings in each message")
	f.BoolVar(&cfg.Once, "once", false, "stop when every shipment is closed, instead of starting others")
	f.StringVar(&cfg.Prefix, "name", "", "prefix of all ids, to tell fleets apart")
	f.StringVar(&cfg.RuleSet, "rule-set", "", "rule set (default: demo-2-8@1 from speed 10 on, else general-2-8@1)")
	f.StringVar((*string)(&cfg.Fault), "fault", "", "what the first tracker's sensor does wrong: stuck, jump, outlier, drift, bounds or teleport")
	f.StringVar(&cfg.State, "state", "", "folder for keys, buffers and progress (default: fleet/run in the stack's folder)")
	f.DurationVar(&cfg.Drain, "drain", 2*time.Minute, "how long a shipment waits for its last acknowledgements before it is closed")
	return cmd
}
