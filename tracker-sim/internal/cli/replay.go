package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/trackseal/trackseal/internal/client"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
	"github.com/trackseal/trackseal/tracker-sim/internal/scenario"
	"github.com/trackseal/trackseal/tracker-sim/internal/scenario/replay"
)

// replayFlags are those that replay.Config does not have as they are given.
type replayFlags struct {
	timeColumn, mapping, speed, times, alg, state string
	unsigned                                      bool
}

func (a *app) replayCommand() *cobra.Command {
	var fl replayFlags
	var cfg replay.Config
	var body client.CreateBody
	cmd := &cobra.Command{
		Use:   "replay FILE.csv",
		Short: "Send a recorded file as a tracker",
		Long: `Sends a CSV file with a header line as one tracker would have, signed, and waits until all of it is anchored.

Columns with common names are found by themselves: a quantity's name, with or without a unit (temperature_c, humidity_pct,
light_mlx, accel_x_mg, …). --map quantity=column[*factor][+offset],… says it otherwise. Quantities:
` + "  " + replay.QuantityNames(" ") + `

The tracker is enrolled, the shipment is created when it is missing, and the tracker is assigned to it; with --times keep
for the time of the recording, as that of a logger that was read out later. The tracker's key and its unacknowledged messages stay in --state, so an interrupted
replay loses nothing.

Exit code: 0 everything stored and logged (and anchored, with --wait anchored), 1 not, 2 any other error.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.replay(cmd.Context(), args[0], fl, cfg, body)
		},
	}
	f := cmd.Flags()
	f.StringVar(&fl.timeColumn, "time", "", "column of the time (default: timestamp, time, …)")
	f.StringVar(&fl.mapping, "map", "", "quantity=column[*factor][+offset],… for columns that are not found by themselves")
	f.StringVar(&fl.speed, "speed", "1", "pace: 1 as recorded, N times faster, or max")
	f.StringVar(&fl.times, "times", "keep", "keep: the recorded times; now: shifted to now, and compressed by --speed")
	f.IntVar(&cfg.Batch, "batch", 10, "readings per message")
	f.StringVar(&cfg.Device.ID, "tracker", "", "tracker id (default: from the file's name)")
	f.StringVar(&body.ID, "shipment", "", "shipment id (default: trip- and the file's name)")
	f.StringVar(&body.RuleSet, "rule-set", "general-2-8@1", "rule set of a shipment that is created")
	f.StringVar(&fl.alg, "alg", "Ed25519", "key of a tracker that is enrolled: Ed25519 or ESP256")
	f.BoolVar(&fl.unsigned, "unsigned", false, "plain JSON messages of a tracker that cannot sign")
	f.StringVar(&cfg.Wait, "wait", replay.WaitAnchored, "what to wait for: logged, anchored or none")
	f.DurationVar(&cfg.Bound, "timeout", 5*time.Minute, "bound on each wait")
	f.BoolVar(&cfg.Close, "close", false, "hand over to the consignee, deliver and close at the end")
	f.StringVar(&fl.state, "state", "", "folder for keys and buffers (default: fleet/replay in the stack's folder, or ./tracker-sim-state)")
	f.BoolVar(&a.asJSON, "json", false, "print the summary as JSON")
	return cmd
}

func (a *app) replay(ctx context.Context, path string, fl replayFlags, cfg replay.Config, body client.CreateBody) error {
	alg, err := telemetry.ParseAlg(fl.alg)
	if err != nil {
		return fmt.Errorf("--alg: %w", err)
	}
	if cfg.Speed, err = parseSpeed(fl.speed); err != nil {
		return err
	}
	if fl.times != "keep" && fl.times != "now" {
		return fmt.Errorf("--times %q: must be keep or now", fl.times)
	}
	cfg.Now = fl.times == "now"
	columns, err := replay.ParseMap(fl.mapping)
	if err != nil {
		return err
	}
	if cfg.Recording, err = readRecording(path, replay.Mapping{Time: fl.timeColumn, Quantities: columns}); err != nil {
		return err
	}
	if err := cfg.Validate(); err != nil {
		return err
	}
	base := idFrom(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)))
	s, log, err := a.open()
	if err != nil {
		return err
	}
	parties := s.Parties()
	carrier := parties.Carrier
	id := ledger.OwnID(carrier.Org, cmp.Or(cfg.Device.ID, base))
	body.ID = ledger.OwnID(carrier.Org, cmp.Or(body.ID, "trip-"+base))
	if !telemetry.ValidID(body.ID) {
		return fmt.Errorf("--shipment %q: must match [A-Za-z0-9][A-Za-z0-9._-]{0,63}", body.ID)
	}
	rec := cfg.Recording
	fmt.Fprintf(a.stderr, "%s: %d readings; %s\n", filepath.Base(path), len(rec.Readings), rec.Mapping)
	if len(rec.Unused) > 0 {
		fmt.Fprintf(a.stderr, "columns not used: %s\n", strings.Join(rec.Unused, ", "))
	}
	if rec.Empty > 0 {
		fmt.Fprintf(a.stderr, "lines without a value, left out: %d\n", rec.Empty)
	}

	home, err := device.OpenHome(stateDir(fl.state, s, "replay"), id)
	if err != nil {
		return err
	}
	defer home.Close()
	cfg.Device = device.Config{ID: id, Deployment: s.Deployment, Dial: scenario.Link{URL: s.MQTT, TLS: s.TLS, Log: log}.Dial, Store: home, Log: log}
	if fl.unsigned {
		cfg.Device.Secret, err = carrier.PlainSecret(ctx, home, id)
	} else if cfg.Device.Signer, err = home.Key(alg); err == nil {
		_, err = carrier.Enrol(ctx, id, cfg.Device.Signer, "replay")
	}
	if err != nil {
		return err
	}
	body.Parties = s.Roles.Members()
	body.Description, body.Origin, body.Destination = "recorded trip "+filepath.Base(path), "recording", "recording"
	cfg.Shipment = scenario.Consignment{Parties: parties, Tracker: id, Body: body}
	cfg.Progress = a.progress()
	sum, err := replay.Run(ctx, cfg)
	cfg.Progress.End()
	if err != nil {
		return err
	}
	shipment, err := carrier.GetShipment(ctx, body.ID)
	if err != nil {
		return err
	}
	sum.Shipment, sum.State, sum.Verdict = shipment.ID, string(shipment.State), string(shipment.Verdict)
	err = a.print(sum, func(w io.Writer) {
		row(w, "tracker", "%s on shipment %s (%s)", sum.Tracker, sum.Shipment, sum.State)
		row(w, "readings", "%d in %d messages, %s to %s", sum.Readings, sum.Messages, sum.FirstTime, sum.LastTime)
		if cfg.Wait != replay.WaitNone {
			printReport(w, sum.Report)
		}
		row(w, "compliance", "%s", sum.Verdict)
		row(w, "took", "%.1f s, %d messages sent again", sum.Seconds, sum.Resent)
	})
	if err != nil {
		return err
	}
	if !sum.Complete {
		return &exit{exitVerdict, fmt.Errorf("not all messages were %s within %s", cfg.Wait, cfg.Bound)}
	}
	return nil
}

func readRecording(path string, m replay.Mapping) (*replay.Recording, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rec, err := replay.Read(f, m)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return rec, nil
}

func parseSpeed(text string) (float64, error) {
	if text == "max" {
		return 0, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v > 0 && v <= 1e6) {
		return 0, fmt.Errorf("--speed %q: must be a number above 0, or max", text)
	}
	return v, nil
}

var notInID = regexp.MustCompile(`[^A-Za-z0-9_-]`)

// idFrom makes an id without its owner's name of a file's name.
func idFrom(name string) string {
	id := cmp.Or(strings.TrimLeft(notInID.ReplaceAllString(name, "-"), "_-"), "recording")
	return id[:min(len(id), 32)]
}

// stateDir is where trackers keep what must outlive the process.
func stateDir(flag string, s *scenario.Stack, what string) string {
	switch {
	case flag != "":
		return flag
	case s.Dir != "":
		return filepath.Join(s.Dir, "fleet", what)
	}
	return "tracker-sim-state"
}
