package cli

import (
	"cmp"
	"context"
	"errors"
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
	"github.com/trackseal/trackseal/internal/recording"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
	"github.com/trackseal/trackseal/tracker-sim/internal/scenario"
	"github.com/trackseal/trackseal/tracker-sim/internal/scenario/replay"
)

// replayFlags are those that replay.Config does not have as they are given.
type replayFlags struct {
	file                     recording.Options
	speed, times, alg, state string
	unsigned                 bool
	sensors                  []string
}

func (a *app) replayCommand() *cobra.Command {
	var fl replayFlags
	var cfg replay.Config
	var body client.CreateBody
	cmd := &cobra.Command{
		Use:   "replay FILE",
		Short: "Send a recorded file as a tracker",
		Long: `Sends the file of a logger as one tracker would have, signed, and waits until all of it is anchored.

The file is a text table as the logger or a spreadsheet wrote it (docs/files.md). Columns with common names are found by
themselves, also with a unit: Temperature (°F), humidity_pct, accel_x_mg. --map says it of others: --map 'temperature[°F]=Probe 2'.
A column with numbers that is neither read nor named by --ignore is an error, and so are times without a zone unless --zone says it.

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
	f.StringArrayVar(&fl.file.Map, "map", nil, "quantity=HEADER, quantity[unit]=HEADER, time=HEADER or tracker=HEADER; #3 is the third column, Temp* any that begins so (repeatable)")
	f.StringArrayVar(&fl.file.Ignore, "ignore", nil, "column with numbers that is not to be read (repeatable)")
	f.StringArrayVar(&fl.file.Missing, "missing", nil, "further text in cells that means: no value (repeatable)")
	f.StringVar(&fl.file.Zone, "zone", "", "zone of times that have none: Europe/Berlin, UTC or +01:00")
	f.StringVar(&fl.file.Dates, "dates", "", "order of day, month and year where it is not clear: dmy, mdy or ymd")
	f.StringVar(&fl.file.Decimal, "decimal", "", "decimal mark where it is not clear: point or comma")
	f.StringVar(&fl.file.Profile, "profile", "", "known logger or app that wrote the file, such as hobo (docs/files.md has them all)")
	f.StringVar(&fl.speed, "speed", "1", "pace: 1 as recorded, N times faster, or max")
	f.StringVar(&fl.times, "times", "keep", "keep: the recorded times; now: shifted to now, and compressed by --speed")
	f.IntVar(&cfg.Batch, "batch", 10, "readings per message")
	f.StringVar(&cfg.Device.ID, "tracker", "", "tracker id (default: from the file's name)")
	f.StringVar(&body.ID, "shipment", "", "shipment id (default: trip- and the file's name)")
	f.StringVar(&body.RuleSet, "rule-set", "general-2-8@1", "rule set of a shipment that is created")
	f.StringVar(&fl.alg, "alg", "Ed25519", "key of a tracker that is enrolled: Ed25519 or ESP256")
	f.StringArrayVar(&fl.sensors, "sensor", nil, sensorHelp)
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
	sensors, err := parseSensors(fl.sensors)
	if err != nil {
		return err
	}
	cfg.Now = fl.times == "now"
	if cfg.Recording, err = readRecording(path, fl.file); err != nil {
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
	tell(a.stderr, filepath.Base(path), rec)

	home, err := device.OpenHome(stateDir(fl.state, s, "replay"), id)
	if err != nil {
		return err
	}
	defer home.Close()
	cfg.Device = device.Config{ID: id, Deployment: s.Deployment, Dial: scenario.Link{URL: s.MQTT, TLS: s.TLS, Log: log}.Dial, Store: home, Log: log}
	if fl.unsigned {
		cfg.Device.Secret, err = carrier.PlainSecret(ctx, home, id, sensors...)
	} else if cfg.Device.Signer, err = home.Key(alg); err == nil {
		_, err = carrier.Enrol(ctx, id, cfg.Device.Signer, "replay", sensors...)
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

func readRecording(path string, o recording.Options) (*replay.Recording, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rec, err := replay.Read(f, o)
	if err != nil {
		return nil, errors.New(path + ": " + strings.ReplaceAll(err.Error(), "\n", "\n"+path+": ")) // each place has its line
	}
	return rec, nil
}

// tell says how a file was read, and what of it was not.
func tell(w io.Writer, name string, rec *replay.Recording) {
	var columns []string
	for _, c := range rec.Columns {
		columns = append(columns, strings.TrimSpace(c.As+"="+c.Column+" "+c.Unit))
	}
	fmt.Fprintf(w, "%s: %d readings; %s; %s, line %d, %s separated", name, len(rec.Readings), strings.Join(columns, "; "), rec.Encoding, rec.Header, rec.Separator)
	if rec.Zone != "" {
		fmt.Fprintf(w, "; times of %s", rec.Zone)
	}
	fmt.Fprintln(w)
	if len(rec.Ignored) > 0 {
		fmt.Fprintf(w, "columns ignored: %s\n", strings.Join(rec.Ignored, "; "))
	}
	if len(rec.Unread) > 0 {
		fmt.Fprintf(w, "columns without measurements: %s\n", strings.Join(rec.Unread, "; "))
	}
	if rec.Empty > 0 {
		fmt.Fprintf(w, "rows without a value, left out: %d\n", rec.Empty)
	}
	for _, c := range rec.Missing {
		fmt.Fprintf(w, "no value: %d times %q in column %s, first in line %d\n", c.Count, c.Text, c.Column, c.Line)
	}
	for _, c := range rec.Faults {
		fmt.Fprintf(w, "cannot have been measured, left out: %d values of column %s, the first is %s in line %d\n", c.Count, c.Column, c.Text, c.Line)
	}
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
