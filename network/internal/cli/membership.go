package cli

import (
	"github.com/spf13/cobra"

	"github.com/trackseal/trackseal/network/internal/launcher"
)

// membershipCommands are what organisations do about one another.
func membershipCommands(with onStack) []*cobra.Command {
	var as, out string
	request := &cobra.Command{
		Use: "request", Short: "Write the file in which the folder's member asks to be admitted", Args: cobra.NoArgs,
		RunE: with(func(_ *cobra.Command, l *launcher.Launcher, _ []string) error { return l.Request(as, out) }),
	}
	request.Flags().StringVar(&as, "as", "", "which member, when the folder has several")
	request.Flags().StringVarP(&out, "out", "o", "", "the file (default NAME.request.json)")

	var invitations string
	approve := &cobra.Command{
		Use: "approve FILE", Short: "Agree that an organisation becomes a member", Args: cobra.ExactArgs(1),
		Long: `Show what an organisation asks for, check it, and agree to it: sign the change of the channel's configuration and vote, as every
member of the folder that has a peer, or as one of them. The signature is given only for a change that this folder derives itself from the
request and from its own peer's configuration. Whoever completes the majority does it, and gets the invitation for the new member. The
command can be repeated; by then it tells how far the decision is. Compare the fingerprints with the organisation first.`,
		RunE: with(func(cmd *cobra.Command, l *launcher.Launcher, args []string) error {
			return l.Approve(cmd.Context(), args[0], as, invitations)
		}),
	}
	approve.Flags().StringVar(&as, "as", "", "only this member of the folder")
	approve.Flags().StringVar(&invitations, "out", ".", "folder for NAME.invitation.json")

	var other bool
	var opt launcher.UpOptions
	join := &cobra.Command{
		Use: "join INVITATION", Short: "Join the channel of an invitation and make the member's node run", Args: cobra.ExactArgs(1),
		Long: `Fetch the channel's first block and check it against the invitation, start the peer, wait until it has all blocks, install the
chaincode and agree on it, start the rest, and announce where the node is reached. It is done once; it can be repeated after an
interruption, and from then on ` + "`network up`" + ` does all of it.`,
		RunE: with(func(cmd *cobra.Command, l *launcher.Launcher, args []string) error {
			return l.Join(cmd.Context(), args[0], other, opt)
		}),
	}
	join.Flags().BoolVar(&other, "other-chaincode", false, "run this folder's chaincode program although it is not the one in force")
	join.Flags().StringVar(&opt.Servers, "servers", "", "take Fabric and InfluxDB from this folder, where it has them, instead of compiling them; remembered")
	join.Flags().StringVar(&opt.Chaincode, "chaincode", "", "run this chaincode program instead of the checkout's")

	var retire bool
	leave := &cobra.Command{
		Use: "leave", Short: "End the membership of the folder's member", Args: cobra.NoArgs,
		RunE: with(func(cmd *cobra.Command, l *launcher.Launcher, _ []string) error {
			return l.Leave(cmd.Context(), as, retire)
		}),
	}
	leave.Flags().StringVar(&as, "as", "", "which member, when the folder has several")
	leave.Flags().BoolVar(&retire, "retire", false, "stop its ingest and take it out of service before; it can never anchor again")

	evict := &cobra.Command{
		Use: "evict NAME", Short: "Agree that a member goes, or take one that has left off the channel", Args: cobra.ExactArgs(1),
		RunE: with(func(cmd *cobra.Command, l *launcher.Launcher, args []string) error {
			return l.Evict(cmd.Context(), args[0], as)
		}),
	}
	evict.Flags().StringVar(&as, "as", "", "only this member of the folder")

	var asJSON bool
	list := &cobra.Command{
		Use: "list", Short: "List the network's members, and what is proposed", Args: cobra.NoArgs,
		RunE: with(func(cmd *cobra.Command, l *launcher.Launcher, _ []string) error {
			return l.Members(cmd.Context(), as, asJSON)
		}),
	}
	list.Flags().StringVar(&as, "as", "", "by the peer of this member of the folder")
	list.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return []*cobra.Command{request, approve, join, leave, evict, list}
}
