package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/trackseal/trackseal/ingest/internal/partition"
	"github.com/trackseal/trackseal/internal/fabric"
	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/service"
)

var _ partition.Ledger = (*fabric.Client)(nil)

const claimUsage = "usage: ingest claim --config FILE [--take]"

// claimCommand is `ingest claim`: an instance's partitions become its own on the ledger, also those of another instance with --take. The instance need not run.
func claimCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("ingest claim", flag.ContinueOnError)
	flags.SetOutput(stderr)
	path := flags.String("config", "", "configuration `file` (YAML) of the instance")
	take := flags.Bool("take", false, "take over what another instance serves; that one stops receiving with its next anchor")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *path == "" || flags.NArg() > 0 {
		return service.Misuse{Err: errors.New(claimUsage)}
	}
	var cfg Config
	if err := service.LoadConfig(*path, &cfg); err != nil {
		return err
	}
	log, err := service.NewLog(cfg.Log, stderr)
	if err != nil {
		return err
	}
	served, err := mqtt.ParsePartitions(cfg.Partitions)
	if err != nil {
		return err
	}
	chain, err := fabric.Open(ctx, cfg.Fabric, log)
	if err != nil {
		return err
	}
	defer chain.Close()
	own := partition.New(partition.Config{Ledger: chain, Ingest: cfg.ID, Ranges: partition.Ranges(served), Log: log})
	s, err := own.Claim(ctx, *take)
	if err != nil {
		return takeOver(err, *path)
	}
	fmt.Fprintf(stdout, "%s serves %s, in epoch %d\n", cfg.ID, cfg.Partitions, s.Epoch)
	return nil
}

// takeOver adds to a claim that was refused how to make it all the same.
func takeOver(err error, config string) error {
	if errors.Is(err, partition.ErrTaken) {
		return fmt.Errorf("%w; if this instance is to take them over: ingest claim --take --config %s", err, config)
	}
	return err
}
