// Command ingest receives what trackers publish, keeps it, and brings it to InfluxDB and to the ledger. README.md beside
// this file tells the life of a message.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/trackseal/trackseal/internal/codec"
	"github.com/trackseal/trackseal/internal/service"
)

func main() {
	codec.ChildMain()
	ctx, stop := service.WithSignals(context.Background())
	defer stop()
	if len(os.Args) > 1 && os.Args[1] == "fsck" {
		exit, err := fsckCommand(ctx, os.Args[2:], os.Stdout, os.Stderr)
		if err != nil {
			fmt.Fprintln(os.Stderr, "ingest fsck:", err)
		}
		os.Exit(exit)
	}
	if len(os.Args) > 1 && os.Args[1] == "recover" {
		exit, err := recoverCommand(ctx, os.Args[2:], os.Stdout, os.Stderr)
		if err != nil && !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "ingest recover:", err)
		}
		os.Exit(exit)
	}
	if len(os.Args) > 1 && os.Args[1] == "claim" {
		os.Exit(service.Exit("ingest claim", claimCommand(ctx, os.Args[2:], os.Stdout, os.Stderr), os.Stderr))
	}
	os.Exit(service.Exit("ingest", command(ctx, os.Args[1:], os.Stdout, os.Stderr), os.Stderr))
}

func command(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("ingest", flag.ContinueOnError)
	path := flags.String("config", "", "configuration `file` (YAML)")
	if done, err := service.Parse(flags, args, stdout); done || err != nil {
		return err
	}
	if *path == "" {
		return service.Misuse{Err: errors.New("usage: ingest --config FILE, ingest claim, ingest recover, or ingest fsck")}
	}
	var cfg Config
	if err := service.LoadConfig(*path, &cfg); err != nil {
		return err
	}
	log, err := service.NewLog(cfg.Log, stderr)
	if err != nil {
		return err
	}
	return serve(ctx, cfg, *path, log)
}
