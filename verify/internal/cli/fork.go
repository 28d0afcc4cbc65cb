package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/trackseal/trackseal/internal/evidence"
)

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
				enc := json.NewEncoder(stdout)
				enc.SetIndent("", "  ")
				return enc.Encode(r)
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
