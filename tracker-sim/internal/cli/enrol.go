package cli

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/trackseal/trackseal/internal/client"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
)

func (a *app) enrolCommand() *cobra.Command {
	var unsigned, rotate bool
	var algName, state, model, owner string
	var sensors []string
	cmd := &cobra.Command{
		Use:   "enrol ID",
		Short: "Enrol one tracker, to try things by hand",
		Long: `Enrols a tracker. Without a dot, ID gets its owner's name and a dot before it. With --unsigned it cannot sign, and the line for mosquitto_pub is printed; otherwise a key is made in
--state and the proof that it is held goes with the enrolment. With --unsigned --rotate it gets another secret, and the one
before opens nothing any more.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if rotate && !unsigned {
				return errors.New("--rotate replaces a secret: give --unsigned as well")
			}
			alg, err := telemetry.ParseAlg(algName)
			if err != nil {
				return fmt.Errorf("--alg: %w", err)
			}
			stated, err := parseSensors(sensors)
			if err != nil {
				return err
			}
			s, err := a.target()
			if err != nil {
				return err
			}
			by := s.Party(cmp.Or(owner, s.Roles[ledger.Carrier]))
			id := ledger.OwnID(by.Org, args[0])
			home, err := device.OpenHome(stateDir(state, s, "manual"), id)
			if err != nil {
				return err
			}
			defer home.Close()
			if unsigned {
				var secret string
				if rotate {
					secret, err = by.NewSecret(ctx, home, id)
				} else {
					secret, err = by.PlainSecret(ctx, home, id, stated...)
				}
				if err != nil {
					return err
				}
				u, err := url.Parse(s.MQTT)
				if err != nil {
					return err
				}
				how := ""
				if ca := cmp.Or(a.trust.CA, s.CA); ca != "" {
					how = " --cafile " + ca
				}
				fmt.Fprintf(a.stdout, "mosquitto_pub%s -h %s -p %s -q 1 -i %s -u %s -P %s -t %s -m '{\"time\":\"%s\",\"temperature\":4.2,\"seq\":1}'\n",
					how, u.Hostname(), u.Port(), id, id, secret, telemetry.Topic(id, telemetry.JSON), time.Now().UTC().Format("2006-01-02T15:04:05.000Z"))
				return nil
			}
			signer, err := home.Key(alg)
			if err != nil {
				return err
			}
			t, err := by.Enrol(ctx, id, signer, model, stated...)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "tracker  %s (%s) of %s\nkid      %s\nkey      %s\ntopic    %s\n", t.ID, t.Alg, t.Owner, t.KID, home.KeyPath(), telemetry.Topic(id, telemetry.Up))
			return nil
		},
	}
	f := cmd.Flags()
	f.BoolVar(&unsigned, "unsigned", false, "a tracker that cannot sign: it publishes plain JSON with a secret")
	f.BoolVar(&rotate, "rotate", false, "replace the secret of one that is enrolled, with --unsigned")
	f.StringVar(&algName, "alg", "Ed25519", "key: Ed25519 or ESP256")
	f.StringVar(&model, "model", "manual", "model that the ledger notes")
	f.StringArrayVar(&sensors, "sensor", nil, sensorHelp)
	f.StringVar(&owner, "owner", "", "organisation that owns the tracker (default: the carrier)")
	f.StringVar(&state, "state", "", "folder for keys and secrets (default: fleet/manual in the stack's folder, or ./tracker-sim-state)")
	return cmd
}

const sensorHelp = "quantity:model, such as temperature:ds18b20, or quantity:min=-40,max=85,error=85: what the tracker sends in the place of a measurement (repeatable)"

func parseSensors(texts []string) (out []client.Sensor, err error) {
	var all []telemetry.Sensor
	for _, text := range texts {
		s, err := telemetry.ParseSensor(text)
		if err != nil {
			return nil, fmt.Errorf("--sensor: %w", err)
		}
		all = append(all, s)
		out = append(out, client.Sensor{Quantity: s.Quantity, Model: s.Model, ErrorValues: s.ErrorValues, Min: s.Min, Max: s.Max})
	}
	if err := telemetry.CheckSensors(all); err != nil {
		return nil, fmt.Errorf("--sensor: %w", err)
	}
	return out, nil
}

func (a *app) passwordCommand() *cobra.Command {
	var keyFile string
	cmd := &cobra.Command{
		Use:   "password ID --key FILE",
		Short: "Print a fresh MQTT password for a tracker's key",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if !telemetry.ValidID(args[0]) {
				return fmt.Errorf("tracker id %q: must match [A-Za-z0-9][A-Za-z0-9._-]{0,63}", args[0])
			}
			data, err := os.ReadFile(keyFile)
			if err != nil {
				return err
			}
			signer, err := device.ParseKey(keyFile, data)
			if err != nil {
				return err
			}
			password, err := device.Password(signer, args[0], a.deployment, time.Now())
			if err != nil {
				return err
			}
			fmt.Fprintln(a.stdout, password)
			return nil
		},
	}
	cmd.Flags().StringVar(&keyFile, "key", "", "the tracker's PEM key file")
	_ = cmd.MarkFlagRequired("key")
	return cmd
}
