package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/tracker-sim/internal/scenario"
	"github.com/trackseal/trackseal/tracker-sim/internal/scenario/attack"
	"github.com/trackseal/trackseal/tracker-sim/internal/scenario/load"
)

func (a *app) attackCommand() *cobra.Command {
	var kinds, name, ruleSet string
	var bound time.Duration
	cmd := &cobra.Command{
		Use:   "attack",
		Short: "Do what must have no effect, and check that it had none",
		Long: `Attacks a running stack with trackers of its own: forged and altered messages, other trackers' topics, repetitions, gaps,
forks, messages that are too large or no messages. Each is then looked up through the REST API, and in ingest's counters when
--stack gives access to them.

Exit code: 0 all as expected, 1 not.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			want := attack.Kinds
			if kinds != "all" {
				want = strings.Split(kinds, ",")
				for _, k := range want {
					if !slices.Contains(attack.Kinds, k) {
						return fmt.Errorf("--kind %q: must be all, or some of %s", k, strings.Join(attack.Kinds, ","))
					}
				}
			}
			s, log, err := a.open()
			if err != nil {
				return err
			}
			if name == "" {
				name, _ = load.RunName("attack")
			}
			carrier := s.Parties().Carrier
			cfg := attack.Config{
				Kinds: want, Name: ledger.OwnID(carrier.Org, name), RuleSet: ruleSet, Deployment: s.Deployment, API: carrier, Roles: s.Roles, Bound: bound, Log: log,
				Dial: scenario.Link{URL: s.MQTT, TLS: s.TLS, Silent: true, Wait: true, Log: log}.Dial,
			}
			rows, err := attack.Run(cmd.Context(), cfg)
			if err != nil && len(rows) == 0 {
				return err
			}
			err = errors.Join(err, a.print(rows, func(out io.Writer) {
				w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "KIND\tATTACK\tEXPECTED\tSEEN\t")
				for _, r := range rows {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Kind, r.Attack, r.Expect, r.Seen, map[bool]string{true: "ok", false: "NOT OK"}[r.OK])
				}
				_ = w.Flush() // standard output that went away tells nobody
			}))
			if err != nil {
				return err
			}
			if bad := slices.IndexFunc(rows, func(r attack.Row) bool { return !r.OK }); bad >= 0 {
				return &exit{exitVerdict, fmt.Errorf("not as expected: %s", rows[bad].Attack)}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&kinds, "kind", "all", strings.Join(attack.Kinds, ",")+" or all")
	f.StringVar(&name, "name", "", "id of the shipment and prefix of the trackers (default: random)")
	f.StringVar(&ruleSet, "rule-set", "general-2-8@1", "rule set of the shipment")
	f.DurationVar(&bound, "timeout", 20*time.Second, "bound on seeing each effect")
	f.BoolVar(&a.asJSON, "json", false, "print the table as JSON")
	return cmd
}
