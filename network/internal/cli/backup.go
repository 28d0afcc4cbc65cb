package cli

import (
	"github.com/spf13/cobra"

	"github.com/trackseal/trackseal/network/internal/launcher"
)

type onStack func(func(*cobra.Command, *launcher.Launcher, []string) error) func(*cobra.Command, []string) error

func backupCommand(with onStack) *cobra.Command {
	return &cobra.Command{
		Use: "backup DIR", Short: "Copy all that the stack keeps to a new folder, while it runs or is down", Args: cobra.ExactArgs(1),
		RunE: with(func(cmd *cobra.Command, l *launcher.Launcher, args []string) error {
			return l.Backup(cmd.Context(), args[0])
		}),
	}
}

func restoreCommand(with onStack) *cobra.Command {
	var opt launcher.RestoreOptions
	cmd := &cobra.Command{
		Use: "restore DIR", Short: "Put a backup, or parts of it, into a stack that is down", Args: cobra.ExactArgs(1),
		RunE: with(func(cmd *cobra.Command, l *launcher.Launcher, args []string) error {
			return l.Restore(cmd.Context(), args[0], opt)
		}),
	}
	cmd.Flags().StringSliceVar(&opt.Only, "only", nil, "restore only these parts, by name (ingest-carrier) or kind (influxdb); default: all")
	cmd.Flags().BoolVar(&opt.Yes, "yes", false, "replace what is there; it is moved aside, not deleted")
	return cmd
}
