package cli

import (
	"github.com/spf13/cobra"

	"github.com/trackseal/trackseal/network/internal/launcher"
)

// makerCommand is what members decide about makers of trackers.
func makerCommand(with onStack) *cobra.Command {
	cmd := &cobra.Command{Use: "maker", Short: "Decide whose certificates attest trackers' keys", Args: cobra.NoArgs}
	verb := func(name, short, long string, end bool) {
		var as, called string
		c := &cobra.Command{
			Use: name + " FILE", Short: short, Args: cobra.ExactArgs(1), Long: long,
			RunE: with(func(cmd *cobra.Command, l *launcher.Launcher, args []string) error {
				return l.Maker(cmd.Context(), args[0], called, as, end)
			}),
		}
		c.Flags().StringVar(&as, "as", "", "only this member of the folder")
		if !end {
			c.Flags().StringVar(&called, "name", "", "what to call the maker (default as its certificate does)")
		}
		cmd.AddCommand(c)
	}
	verb("accept", "Agree that keys in a maker's certificates count as attested", `Show a maker's root certificate (PEM or DER) and vote for it, as every member of the folder that has a peer, or as one of them. Whoever
completes the majority does it. Compare the fingerprint with the maker first, on another way than the file came.`, false)
	verb("end", "Agree that a maker's certificates count no more", `Vote against a root that was accepted. Keys that its certificates attested stay attested until they are replaced.`, true)
	return cmd
}
