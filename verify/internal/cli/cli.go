// Package cli is the command line of verify.
package cli

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/trackseal/trackseal/internal/codec"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/version"
	"github.com/trackseal/trackseal/verify/internal/page"
)

// options are the flags that both kinds of bundle take.
type options struct {
	policy, nonce, report string
	asJSON, quiet         bool
	noCodecs              bool
}

// Run runs verify and returns its exit code: 0 all that the policy requires passed, 1 something failed, 2 something is
// unknown, 64 the call was wrong or a file could not be read.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer, open OpenStore) int {
	exit := evidence.ExitPass
	var o options
	run := func(kind string) func(*cobra.Command, []string) error {
		return func(cmd *cobra.Command, args []string) error {
			r, err := verify(cmd.Context(), args[0], kind, o, stderr)
			if err != nil {
				return err
			}
			exit = r.Exit()
			return show(r, o, stdout)
		}
	}
	root := &cobra.Command{
		Use:     "verify BUNDLE --policy POLICY",
		Version: version.Line("verify"),
		Short:   "Check a shipment's evidence offline, trusting nobody's server",
		Long: `verify reads an evidence bundle (.tsb) and your own policy file and answers five questions: are the messages the
trackers' (authentic), does the consortium's ledger hold their root (anchored), do enough organisations hold that as
valid (final), was nothing left out (complete), were the rules kept (compliant). It needs no network. Other commands check the
proof of one message, anchors, a fork file, a whole store; monitor follows the ledger's anchors over time.

Exit code: 0 all that the policy requires passed, 1 something failed, 2 something is unknown, 64 wrong call.`,
		Args: cobra.ExactArgs(1), RunE: run(evidence.WholeShipment), SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	message := &cobra.Command{
		Use: "message PROOF --policy POLICY", Short: "Check the proof of a single message", Args: cobra.ExactArgs(1),
		RunE: run(evidence.OneMessage),
	}
	heads := &cobra.Command{
		Use: "heads EVIDENCE --policy POLICY", Short: "Check the evidence of a heads log's anchors", Args: cobra.ExactArgs(1),
		RunE: run(evidence.HeadsLog),
	}
	for _, c := range []*cobra.Command{root, message, heads} {
		f := c.Flags()
		f.StringVar(&o.policy, "policy", "", "your policy file (JSON); required")
		f.StringVar(&o.nonce, "nonce", "", "nonce (hex) that you gave when asking for the bundle; the peers' answers must carry it")
		f.StringVar(&o.report, "report", "", "also write the report as a page to this file")
		f.BoolVar(&o.asJSON, "json", false, "print the report as JSON")
		f.BoolVar(&o.quiet, "quiet", false, "no progress")
		f.BoolVar(&o.noCodecs, "no-codecs", false, "do not run the codecs of device makers that the evidence carries: what they made is then not checked")
	}
	root.AddCommand(message, heads, forkCommand(&exit, stdout), monitorCommand(&exit, stdout), storeCommand(&exit, stdout, open))
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(stderr, "verify:", err)
		if exit == evidence.ExitFail || exit == evidence.ExitUnknown {
			return exit // what was found matters more than that it could not go on
		}
		return evidence.ExitUsage
	}
	return exit
}

func verify(ctx context.Context, path, kind string, o options, stderr io.Writer) (*evidence.Report, error) {
	policy, err := readPolicy(o.policy)
	if err != nil {
		return nil, err
	}
	nonce, err := hex.DecodeString(o.nonce)
	if err != nil {
		return nil, errors.New("--nonce must be hex")
	}
	if len(nonce) == 0 {
		nonce = nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	progress, done := meter(stderr, o.quiet)
	checks := evidence.Options{Nonce: nonce, Progress: progress}
	if !o.noCodecs {
		pool := codec.New(codec.Config{Children: 1}) // which starts nothing before a profile has a codec
		defer pool.Close()
		checks.Codec = pool.Runner(ctx)
	}
	r, err := evidence.Verify(reader{ctx, f}, policy, checks)
	done()
	if err != nil {
		return nil, err
	}
	if r.Verdicts.Anchored != evidence.Fail && r.Kind != kind {
		switch r.Kind {
		case evidence.OneMessage:
			return nil, fmt.Errorf("%s proves a single message: use `verify message %s`", path, path)
		case evidence.HeadsLog:
			return nil, fmt.Errorf("%s proves a heads log's anchors: use `verify heads %s`", path, path)
		}
		return nil, fmt.Errorf("%s holds a whole shipment: use `verify %s`", path, path)
	}
	return r, nil
}

// reader ends a long read when the user interrupts.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}

func show(r *evidence.Report, o options, stdout io.Writer) error {
	if o.report != "" {
		f, err := os.Create(o.report)
		if err != nil {
			return err
		}
		if err := errors.Join(page.Write(f, r), f.Close()); err != nil {
			return err
		}
	}
	if o.asJSON {
		return printJSON(stdout, r)
	}
	_, err := io.WriteString(stdout, text(r))
	return err
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// forkCommand checks a file that verify monitor wrote.
func forkCommand(exit *int, stdout io.Writer) *cobra.Command {
	var policy string
	var asJSON bool
	c := &cobra.Command{
		Use: "fork FILE --policy POLICY", Short: "Check a file that shows a fork, as verify monitor writes it",
		Long: `fork reads a fork file (.tsf) and your own policy and says whether it proves that the ledger, or a heads log on it, told two
stories: both sides signed as the policy asks, and impossible together. It needs no network.

Exit code: 0 the fork is proven, 1 it is not, 64 wrong call.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := readPolicy(policy)
			if err != nil {
				return err
			}
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			r, err := evidence.VerifyFork(f, p)
			if err != nil {
				return err
			}
			if !r.Proven {
				*exit = evidence.ExitFail
			}
			if asJSON {
				return printJSON(stdout, r)
			}
			result := "PROVEN"
			if !r.Proven {
				result = "NOT PROVEN"
			}
			_, err = fmt.Fprintf(stdout, "%s: %s\npolicy %s\n", result, r.Contradiction, r.Policy)
			return err
		},
	}
	c.Flags().StringVar(&policy, "policy", "", "your policy file (JSON); required")
	c.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return c
}

func readPolicy(path string) (*evidence.Policy, error) {
	if path == "" {
		return nil, errors.New("--policy is missing: say whom you trust (see docs/evidence-format.md, or network env --policy for a development stack)")
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return evidence.ParsePolicy(raw)
}

// meter shows progress on a terminal, and nothing elsewhere.
func meter(w io.Writer, quiet bool) (func(done, total uint64), func()) {
	f, ok := w.(*os.File)
	if quiet || !ok {
		return nil, func() {}
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil, func() {}
	}
	var bar *progressbar.ProgressBar
	return func(done, total uint64) {
			if bar == nil {
				bar = progressbar.NewOptions64(int64(total), progressbar.OptionSetWriter(w), progressbar.OptionSetDescription("messages"),
					progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())
			}
			_ = bar.Set64(int64(done)) // a broken terminal does not stop a verification
		}, func() {
			if bar != nil {
				_ = bar.Finish()
			}
		}
}
