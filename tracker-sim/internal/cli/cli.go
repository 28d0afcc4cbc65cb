// Package cli is the command line of tracker-sim.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/secure"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/version"
	"github.com/trackseal/trackseal/tracker-sim/internal/scenario"
)

// Exit codes of all commands.
const (
	exitOK        = 0
	exitVerdict   = 1 // the check that the command makes came out red
	exitOther     = 2 // wrong usage, nothing reachable, interrupted
	exitSaturated = 3 // load: the generator did not keep its own schedule
)

// exit is an error with an exit code; with a nil err it prints nothing.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// Main runs one command and answers the exit code. An error is one line on stderr.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := &app{stdout: stdout, stderr: stderr}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if text := explain(ctx, err); text != "" {
		fmt.Fprintln(stderr, "tracker-sim: "+text)
	}
	if e, ok := errors.AsType[*exit](err); ok {
		return e.code
	}
	return exitOther
}

// explain is an error for the operator: what the Go libraries say of an interruption or of nobody listening tells no way out.
func explain(ctx context.Context, err error) string {
	text := err.Error()
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.Is(err, syscall.ECONNREFUSED):
		return text + "; is the stack up? `go run ./network status` tells"
	}
	return text
}

// app holds the flags that all commands share.
type app struct {
	stdout, stderr io.Writer

	stackDir           string
	api, mqtt          string
	org                string
	roles              map[string]string
	clientID, secret   string
	deployment         string
	trust              secure.Client
	logLevel           string
	noProgress, asJSON bool
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:     "tracker-sim",
		Version: version.Line("tracker-sim"),
		Short:   "Plays trackers: a fleet, recorded trips, load, attacks",
		Long: `tracker-sim plays trackers against a running Trackseal stack.

It finds the stack in .trackseal here or above, in --stack DIR, or by --api, --client-id, --client-secret and --mqtt.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetVersionTemplate("{{.Version}}\n")
	f := root.PersistentFlags()
	f.StringVar(&a.stackDir, "stack", "", "folder of a stack made by the network program (default: .trackseal here or above)")
	f.StringVar(&a.api, "api", "", "URL of one organisation's REST API, instead of --stack")
	f.StringVar(&a.clientID, "client-id", "", "API client, with --api")
	f.StringVar(&a.secret, "client-secret", "", "its secret, with --api")
	f.StringVar(&a.org, "org", ledger.Carrier, "organisation of that client, with --api")
	f.StringToStringVar(&a.roles, "parties", nil, "ROLE=ORGANISATION,… of shipments that are made (default: each role has the organisation of its name)")
	f.StringVar(&a.mqtt, "mqtt", "", "URL of the MQTT broker, tcp://host:port; overrides the stack's")
	f.StringVar(&a.trust.CA, "ca", "", "PEM file of the authorities of the servers' certificates (default: the stack's, else the system's)")
	f.StringVar(&a.trust.Cert, "cert", "", "PEM file of a client certificate, for servers that ask for one")
	f.StringVar(&a.trust.Key, "key-file", "", "PEM file of its private key, mode 0600")
	f.BoolVar(&a.trust.Insecure, "insecure", false, "speak to other machines in plain text")
	f.StringVar(&a.deployment, "deployment", "trackseal", "deployment name in trackers' MQTT passwords, with --api")
	f.StringVar(&a.logLevel, "log", "warn", "log level: debug, info, warn or error")
	f.BoolVar(&a.noProgress, "no-progress", false, "no progress bars")
	root.AddCommand(a.runCommand(), a.replayCommand(), a.loadCommand(), a.accountCommand(), a.attackCommand(), a.enrolCommand(), a.passwordCommand())
	root.CompletionOptions.DisableDefaultCmd = true
	return root
}

// target reads where the stack is.
func (a *app) target() (*scenario.Stack, error) {
	if err := a.checkBroker(); err != nil {
		return nil, err
	}
	s, err := a.stack()
	if err != nil {
		return nil, err
	}
	if a.mqtt != "" {
		s.MQTT = a.mqtt
	}
	if err := s.SetRoles(a.roles); err != nil {
		return nil, fmt.Errorf("--parties: %w", err)
	}
	return s, s.Trust(a.trust)
}

func (a *app) stack() (*scenario.Stack, error) {
	if a.api != "" {
		if a.clientID == "" || a.secret == "" || a.mqtt == "" {
			return nil, errors.New("--api needs --client-id, --client-secret and --mqtt as well")
		}
		return &scenario.Stack{Deployment: a.deployment, API: map[string]scenario.Access{
			a.org: {MSP: scenario.MSP(a.org), URL: a.api, ClientID: a.clientID, Secret: a.secret},
		}}, nil
	}
	if a.stackDir != "" {
		return scenario.ReadStack(a.stackDir)
	}
	dir, err := scenario.FindStack()
	if err != nil {
		return nil, err
	}
	return scenario.ReadStack(dir)
}

// checkBroker finds a mistake in --mqtt at once: a tracker takes it for a broker that is away, and goes on trying.
func (a *app) checkBroker() error {
	if a.mqtt == "" {
		return nil
	}
	u, err := url.Parse(a.mqtt)
	if err != nil || u.Port() == "" || !slices.Contains([]string{"tcp", "mqtt", "ssl", "tls", "mqtts", "ws", "wss"}, u.Scheme) {
		return fmt.Errorf("--mqtt %q: must be tcp://host:port or ssl://host:port", a.mqtt)
	}
	return nil
}

func (a *app) log() (*slog.Logger, error) {
	return service.NewLog(service.LogConfig{Level: a.logLevel}, a.stderr)
}

// open is the stack and the log: what every scenario needs.
func (a *app) open() (*scenario.Stack, *slog.Logger, error) {
	s, err := a.target()
	if err != nil {
		return nil, nil, err
	}
	log, err := a.log()
	return s, log, err
}

// progress is nil, and shows nothing, with --no-progress.
func (a *app) progress() *scenario.Progress {
	if a.noProgress {
		return nil
	}
	return scenario.NewProgress(a.stderr)
}

// print writes a result: as JSON with --json, else as text does.
func (a *app) print(v any, text func(io.Writer)) error {
	if !a.asJSON {
		text(a.stdout)
		return nil
	}
	enc := json.NewEncoder(a.stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// row writes a name and what is said of it.
func row(w io.Writer, name, format string, args ...any) {
	fmt.Fprintf(w, "%-14s "+format+"\n", append([]any{name}, args...)...)
}
