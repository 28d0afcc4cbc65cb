package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/trackseal/trackseal/network/internal/identity"
	"github.com/trackseal/trackseal/network/internal/launcher"
	"github.com/trackseal/trackseal/network/internal/topology"
)

func memberCommand(with onStack) *cobra.Command {
	cmd := &cobra.Command{Use: "member", Short: "Make an organisation's keys, join a network, decide who else does", Args: cobra.NoArgs}
	cmd.AddCommand(memberInitCommand(with), memberRenewCommand(with))
	cmd.AddCommand(membershipCommands(with)...)
	return cmd
}

func memberInitCommand(with onStack) *cobra.Command {
	var opt launcher.MemberOptions
	valid := days(identity.Valid)
	cmd := &cobra.Command{
		Use: "init NAME", Short: "Make the keys and the settings of an organisation that will join a network", Args: cobra.ExactArgs(1),
		Long: `Make the keys of one organisation on its own host: an authority for identities and one for TLS, and the certificates of its
nodes, its administrator and its clients. Nothing of any other organisation is needed, nothing is started, no private key leaves the
folder. Repeated, it changes nothing.`,
		RunE: with(func(cmd *cobra.Command, l *launcher.Launcher, args []string) error {
			opt.Valid = time.Duration(valid)
			return l.InitMember(cmd.Context(), args[0], opt)
		}),
	}
	cmd.Flags().StringVar(&opt.DisplayName, "display-name", "", "what people read; default: the name with a capital letter")
	cmd.Flags().StringVar(&opt.Host, "host", "", "IP address or DNS name at which the others reach this member (default "+topology.Loopback+")")
	cmd.Flags().StringVar(&opt.Ports, "ports", "", fmt.Sprintf("default, auto, or the first of %d ports; decided once", topology.Span))
	cmd.Flags().BoolVar(&opt.Ingest, "ingest", false, "it receives from trackers: an ingest with a broker")
	cmd.Flags().BoolVar(&opt.Client, "client", false, "keys alone, no node: it uses others' peers")
	cmd.Flags().BoolVar(&opt.TLS, "tls", false, "TLS on every connection; needed when the host is not loopback; decided once per folder")
	cmd.Flags().Var(&valid, "valid", "how long its certificates are valid; its authorities are for 15 years")
	return cmd
}

func memberRenewCommand(with onStack) *cobra.Command {
	within, valid := days(30*24*time.Hour), days(identity.Valid)
	cmd := &cobra.Command{
		Use: "renew", Short: "Renew the certificates of the folder's members that end soon, and restart what uses them", Args: cobra.NoArgs,
		Long: `Sign every certificate anew that ends within some time, by the same authority and for the same key, and restart the
processes that read theirs at their start, one after the other. It can be repeated at any time, also after it was cut short. What the
channel's configuration names (an orderer's certificates) or the chaincode's package holds stays: it lives as long as its authority.`,
		RunE: with(func(cmd *cobra.Command, l *launcher.Launcher, _ []string) error {
			return l.Renew(cmd.Context(), time.Duration(within), time.Duration(valid))
		}),
	}
	cmd.Flags().Var(&within, "within", "renew what ends within this time")
	cmd.Flags().Var(&valid, "valid", "how long the new certificates are valid")
	return cmd
}

// days is a time that people say in days: 30d; or as Go does: 12h.
type days time.Duration

func (d *days) Type() string { return "TIME" }

func (d *days) String() string {
	if t := time.Duration(*d); t%(24*time.Hour) == 0 {
		return strconv.Itoa(int(t/(24*time.Hour))) + "d"
	}
	return time.Duration(*d).String()
}

func (d *days) Set(text string) error {
	if n, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(n); err == nil && n >= 0 && n <= 36500 {
			*d = days(time.Duration(n) * 24 * time.Hour)
			return nil
		}
	} else if t, err := time.ParseDuration(text); err == nil && t >= 0 {
		*d = days(t)
		return nil
	}
	return errors.New("must be like 30d or 12h")
}
