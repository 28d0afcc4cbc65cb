// Package cli is the command line of network.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/trackseal/trackseal/internal/version"
	"github.com/trackseal/trackseal/network/internal/launcher"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// Terminal is where the operator sits.
type Terminal struct {
	In          io.Reader
	Out, Err    io.Writer
	Interactive bool // somebody answers at In
}

// Run parses args (without the program's name) and does what they say. Every error is for the operator's eyes.
func Run(ctx context.Context, args []string, t Terminal) error {
	understood := false
	root := command(t)
	root.PersistentPreRun = func(*cobra.Command, []string) { understood = true }
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetArgs(args)
	root.SetIn(t.In)
	root.SetOut(t.Out)
	root.SetErr(t.Err)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil || understood {
		return err
	}
	return launcher.Misuse{Err: fmt.Errorf("%w: see `%s --help`", err, cmd.CommandPath())}
}

// Code is the exit status for what Run returned: 0 done, 1 failed or (up, status) something that ought to run is not ready, 2 the
// command line is wrong, 3 (status) nothing ought to run.
func Code(err error) int {
	_, misused := errors.AsType[launcher.Misuse](err)
	switch {
	case err == nil:
		return 0
	case misused:
		return 2
	case errors.Is(err, launcher.ErrDown):
		return 3
	}
	return 1
}

func command(t Terminal) *cobra.Command {
	out := t.Out
	var dir string
	root := &cobra.Command{
		Use:     "network",
		Version: version.Line("network"),
		Short:   "Build, start and stop a whole Trackseal stack on this machine, without containers",
		Long: `Build, start and stop what members of a Trackseal network run on this machine, in one folder. A new folder gets a whole
network: Fabric with four organisations, InfluxDB, ingest, four APIs and a simulated fleet, all at 127.0.0.1.`,
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.PersistentFlags().StringVar(&dir, "dir", "", "the stack's folder (default: $TRACKSEAL_DIR, else .trackseal in the checkout)")
	// with is what a command does with the stack of its folder.
	with := func(do func(cmd *cobra.Command, l *launcher.Launcher, args []string) error) func(*cobra.Command, []string) error {
		return func(cmd *cobra.Command, args []string) error {
			l, err := open(dir, out)
			if err != nil {
				return err
			}
			return do(cmd, l, args)
		}
	}
	up := upCommand(func() (*launcher.Launcher, error) { return open(dir, out) })
	down := &cobra.Command{
		Use: "down", Short: "Stop everything; the state stays", Args: cobra.NoArgs,
		RunE: with(func(cmd *cobra.Command, l *launcher.Launcher, _ []string) error { return l.Down(cmd.Context()) }),
	}
	var asJSON, follow, policy bool
	status := &cobra.Command{
		Use: "status", Short: "Show every process: state, port, memory, restarts", Args: cobra.NoArgs,
		Long: `Show every process: state, port, memory, restarts and why it is not ready. The exit status is 0 when everything that
ought to run is ready, 1 when something is not, 3 when nothing ought to run.`,
		RunE: with(func(cmd *cobra.Command, l *launcher.Launcher, _ []string) error {
			return l.Status(cmd.Context(), asJSON)
		}),
	}
	status.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	logs := &cobra.Command{
		Use: "logs [PROCESS]", Short: "Show a process's log; without a name, list them", Args: cobra.MaximumNArgs(1),
		RunE: with(func(cmd *cobra.Command, l *launcher.Launcher, args []string) error {
			return l.Logs(cmd.Context(), strings.Join(args, ""), follow)
		}),
	}
	logs.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what is added")
	var yes bool
	reset := &cobra.Command{
		Use: "reset", Short: "Stop everything and delete the state: ledger, readings, keys. Built servers and overrides stay", Args: cobra.NoArgs,
		RunE: with(func(cmd *cobra.Command, l *launcher.Launcher, _ []string) error {
			if err := agree(t, l, yes); err != nil {
				return err
			}
			return l.Reset(cmd.Context())
		}),
	}
	reset.Flags().BoolVar(&yes, "yes", false, "do not ask")
	env := &cobra.Command{
		Use: "env", Short: "Print addresses and credentials as shell variables", Args: cobra.NoArgs,
		RunE: with(func(_ *cobra.Command, l *launcher.Launcher, _ []string) error {
			if policy {
				return l.Policy()
			}
			return l.Env()
		}),
	}
	env.Flags().BoolVar(&policy, "policy", false, "print the verify program's policy for this stack instead (JSON)")
	var watcher string
	supervise := &cobra.Command{ // what `up` starts in the background
		Use: "supervise", Hidden: true, Args: cobra.NoArgs,
		RunE: with(func(cmd *cobra.Command, l *launcher.Launcher, _ []string) error {
			return l.Supervise(cmd.Context(), slog.New(slog.NewTextHandler(cmd.OutOrStdout(), nil)), watcher)
		}),
	}
	supervise.Flags().StringVar(&watcher, "as", topology.Supervisor, "supervisor or guard")
	root.AddCommand(up, down, status, logs, reset, env, backupCommand(with), restoreCommand(with), memberCommand(with), makerCommand(with), supervise)
	return root
}

// open finds the stack's folder.
func open(dir string, out io.Writer) (*launcher.Launcher, error) {
	cwd, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	// What was installed runs what was installed with it, wherever it is called.
	checkout, root := launcher.FindRoot(cwd), launcher.FindPackage(self)
	if root != "" {
		checkout = ""
	} else {
		root = checkout
	}
	if dir == "" {
		dir = os.Getenv("TRACKSEAL_DIR")
	}
	if dir == "" {
		if checkout == "" {
			return nil, errors.New("not inside a checkout of trackseal: change into it, or name the stack's folder with --dir or TRACKSEAL_DIR")
		}
		dir = launcher.DefaultDir(checkout)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	return launcher.Open(dir, root, out)
}

func upCommand(open func() (*launcher.Launcher, error)) *cobra.Command {
	var opt launcher.UpOptions
	var only []string
	var noFleet bool
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Make the stack run: build, set up, start or heal what needs it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			groups, err := parseGroups(only, noFleet)
			if err != nil {
				return err
			}
			opt.Only, opt.NoFleet = groups, noFleet
			l, err := open()
			if err != nil {
				return err
			}
			err = l.Up(cmd.Context(), opt)
			if errors.Is(err, context.Canceled) {
				return errors.New("interrupted: `network up` goes on from here, `network down` stops what runs")
			}
			return err
		},
	}
	cmd.Flags().StringVar(&opt.Orderers, "orderers", "", "bft (default) or raft; decided once per folder")
	cmd.Flags().StringVar(&opt.Ports, "ports", "", fmt.Sprintf("default, auto, or the first of %d ports; decided once per folder", topology.Span))
	cmd.Flags().BoolVar(&opt.TLS, "tls", false, "TLS on every connection, with an authority of the stack's own; decided once per folder")
	cmd.Flags().StringSliceVar(&only, "only", nil, "start only these: "+groupNames())
	cmd.Flags().BoolVar(&noFleet, "no-fleet", false, "leave the simulated fleet out")
	cmd.Flags().StringVar(&opt.Servers, "servers", "", "take Fabric and InfluxDB from this folder, where it has them, instead of compiling them; remembered; build: compile them again")
	cmd.Flags().StringVar(&opt.Chaincode, "chaincode", "", "run this chaincode program instead of the checkout's")
	return cmd
}

// parseGroups: nil means all.
func parseGroups(names []string, noFleet bool) ([]topology.Group, error) {
	var groups []topology.Group
	for _, n := range names {
		g := topology.Group(n)
		if !slices.Contains(topology.Groups, g) {
			return nil, launcher.Misuse{Err: fmt.Errorf("--only %s: must be some of %s, separated by commas", n, groupNames())}
		}
		groups = append(groups, g)
	}
	if len(groups) == 0 {
		groups = slices.Clone(topology.Groups)
	}
	if noFleet {
		groups = slices.DeleteFunc(groups, func(g topology.Group) bool { return g == topology.GroupFleet })
	}
	return groups, nil
}

func groupNames() string {
	var names []string
	for _, g := range topology.Groups {
		names = append(names, string(g))
	}
	return strings.Join(names, ",")
}
