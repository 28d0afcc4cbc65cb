package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/recover"
	"github.com/trackseal/trackseal/internal/fabric"
	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/node"
	"github.com/trackseal/trackseal/internal/secure"
	"github.com/trackseal/trackseal/internal/service"
)

var (
	_ recover.Ledger = (*fabric.Client)(nil)
	_ recover.Store  = (*influx.Client)(nil)
)

// Exit status of the command. Lost: all is done, and messages are named that are lost.
const (
	exitRecovered = 0
	exitNot       = 1
	exitLost      = 3
)

// recoverCommand is `ingest recover`.
func recoverCommand(ctx context.Context, args []string, stdout, stderr io.Writer) (exit int, err error) {
	a, id, err := recoverJournal(ctx, args, stderr)
	if err != nil {
		return exitNot, err
	}
	return told(stdout, id, a), nil
}

func recoverJournal(ctx context.Context, args []string, stderr io.Writer) (a *recover.Account, id string, err error) {
	flags := flag.NewFlagSet("ingest recover", flag.ContinueOnError)
	flags.SetOutput(stderr)
	path := flags.String("config", "", "configuration `file` (YAML) of the instance")
	var from []string
	flags.Func("from", "`member` whose node has copies: what InfluxDB has lost is filled from there, verified. Give it once for each; NAME=URL where the ledger's address of it is not the one to use", func(s string) error {
		from = append(from, s)
		return nil
	})
	accept := flags.Bool("accept-loss", false, "go on although leaves that are anchored are not in InfluxDB: their logs end before them")
	if err := flags.Parse(args); err != nil {
		return nil, "", err
	}
	if *path == "" || flags.NArg() > 0 {
		return nil, "", errors.New("usage: ingest recover --config FILE [--from MEMBER …] [--accept-loss]")
	}
	var cfg Config
	if err := service.LoadConfig(*path, &cfg); err != nil {
		return nil, "", err
	}
	log, err := service.NewLog(cfg.Log, stderr)
	if err != nil {
		return nil, "", err
	}
	// Before anything else is asked: the usual mistake.
	if dir := filepath.Join(cfg.Dir, "journal"); journal.Exists(dir) && journal.InUse(dir) {
		return nil, "", recover.ErrRunning
	}
	store, err := influx.Open(cfg.Influx)
	if err != nil {
		return nil, "", err
	}
	defer store.Close()
	chain, err := fabric.Open(ctx, cfg.Fabric, log)
	if err != nil {
		return nil, "", err
	}
	defer chain.Close()
	fill, done, err := openFill(ctx, from, chain, store)
	if err != nil {
		return nil, "", err
	}
	defer done()
	a, err = recover.Run(ctx, recover.Config{
		Fill: fill, ID: cfg.ID, Org: cfg.Fabric.Org, Channel: cfg.Fabric.Channel, Dir: cfg.Dir, Ledger: chain, Store: store, AcceptLoss: *accept,
		Journal: journal.Options{MaxBytes: cfg.Journal.MaxBytes, Log: log}, Log: log, Now: time.Now,
	})
	return a, cfg.ID, err
}

// openFill finds the nodes of the members that are named on the command line; nil when none is. done closes their connections.
func openFill(ctx context.Context, from []string, chain *fabric.Client, store *influx.Client) (fill *recover.Fill, done func(), err error) {
	done = func() {}
	if len(from) == 0 {
		return nil, done, nil
	}
	fill = &recover.Fill{Ledger: chain, Store: store}
	for _, text := range from {
		name, address, given := strings.Cut(text, "=")
		m, err := ledger.MemberGet.Ask(ctx, chain, ledger.NameArgs{Name: name})
		if err != nil {
			return nil, done, fmt.Errorf("--from %s: %w", name, err)
		}
		var calls secure.Client
		if m.Endpoints != nil {
			calls.PEM = m.Endpoints.CA
			if !given {
				address = m.Endpoints.API
			}
		}
		if address == "" {
			return nil, done, fmt.Errorf("--from %s: the member has announced no address of its API; give %s=URL", name, name)
		}
		if err := calls.Check("--from "+name, address); err != nil {
			return nil, done, err
		}
		through, err := calls.Transport()
		if err != nil {
			return nil, done, fmt.Errorf("--from %s: %w", name, err)
		}
		was := done
		done = func() { was(); through.CloseIdleConnections() }
		node, err := node.NewCopies(name, strings.TrimSuffix(address, "/")+node.APICopies, &node.Transport{Identity: chain, Audience: name, Through: through, Now: time.Now})
		if err != nil {
			return nil, done, fmt.Errorf("--from %w", err)
		}
		fill.From = append(fill.From, node)
	}
	return fill, done, nil
}

// filled says what came from other members.
func filled(w io.Writer, f *recover.Filled) {
	fmt.Fprintf(w, "%d leaves of %d logs were filled from other members' copies\n", f.Leaves, f.Logs)
	for _, s := range f.Silent {
		fmt.Fprintf(w, "could not be asked: %s\n", s)
	}
	for _, x := range f.Wrong {
		fmt.Fprintf(w, "%s does not give the log of %s as it was anchored, from leaf %d on (%s): %s\n", x.By, x.Subject, x.Leaf, x.What, x.Detail)
	}
}

// told says what was done.
func told(w io.Writer, id string, a *recover.Account) (exit int) {
	if a.Filled != nil {
		filled(w, a.Filled)
	}
	if a.Fits {
		fmt.Fprintf(w, "nothing to recover: the journal of %s (life %d) goes on after what the ledger has\n", id, a.Life)
		return exitRecovered
	}
	fmt.Fprintf(w, "%s goes on in life %d: %d logs with %d leaves kept their places, %d of them from the old journal's queue; %d messages were logged again, %d points deleted\n",
		id, a.Life, a.Logs, a.Kept, a.Queued, a.Again, a.Deleted)
	for _, c := range a.Cut {
		fmt.Fprintf(w, "the log of %s ends after %d leaves, of which %d were anchored\n", c.Subject, c.Stored, c.Anchored)
	}
	if a.Old != "" {
		fmt.Fprintf(w, "the old journal is kept in %s\n", a.Old)
	}
	if a.Old == "" {
		fmt.Fprintln(w, "there was no old journal: what is lost shows as a hole before the next message of its tracker")
		return exitRecovered
	}
	if a.Lost == 0 {
		fmt.Fprintln(w, "nothing that the old journal knew is lost; what it did not know shows as a hole before the next message of its tracker")
		return exitRecovered
	}
	fmt.Fprintf(w, "%d messages that the old journal knew are nowhere; each is named in %s\n", a.Lost, a.LostFile)
	return exitLost
}
