package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/recover"
	"github.com/trackseal/trackseal/internal/fabric"
	"github.com/trackseal/trackseal/internal/influx"
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
	accept := flags.Bool("accept-loss", false, "go on although leaves that are anchored are not in InfluxDB: their logs end before them")
	if err := flags.Parse(args); err != nil {
		return nil, "", err
	}
	if *path == "" || flags.NArg() > 0 {
		return nil, "", errors.New("usage: ingest recover --config FILE [--accept-loss]")
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
	a, err = recover.Run(ctx, recover.Config{
		ID: cfg.ID, Org: cfg.Fabric.Org, Channel: cfg.Fabric.Channel, Dir: cfg.Dir, Ledger: chain, Store: store, AcceptLoss: *accept,
		Journal: journal.Options{MaxBytes: cfg.Journal.MaxBytes, Log: log}, Log: log, Now: time.Now,
	})
	return a, cfg.ID, err
}

// told says what was done.
func told(w io.Writer, id string, a *recover.Account) (exit int) {
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
