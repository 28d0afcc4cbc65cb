package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/fsck"
	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/fabric"
	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/stored/audit"
)

var (
	_ fsck.Store  = (*influx.Client)(nil)
	_ fsck.Ledger = (*fabric.Client)(nil)
)

// Exit codes of ingest fsck.
const (
	exitIntact  = 0
	exitDiffers = 1
	exitUnknown = 2
	exitUsage   = 64
)

const fsckUsage = `usage: ingest fsck --config FILE [--store-only] [--repair] [--from BUNDLE.tsb]... [--json]

Compares journal and InfluxDB with what the ledger has anchored, and names what differs, one line each. Ingest must not run, unless
--store-only leaves the journal alone. --repair mends what can be mended from what is intact: the journal's queue, messages for their
readings, and evidence of any party (--from, GET /v1/shipments/{id}/evidence), which counts when its leaves have an anchored root.

Exit code: 0 intact, 1 something differs (after a repair: still), 2 something could not be asked, 64 wrong call.
`

type several []string

func (s *several) String() string     { return fmt.Sprint(*s) }
func (s *several) Set(v string) error { *s = append(*s, v); return nil }

// fsckCommand answers the exit code; it holds also beside an error.
func fsckCommand(ctx context.Context, args []string, stdout, stderr io.Writer) (int, error) {
	flags := flag.NewFlagSet("ingest fsck", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	path := flags.String("config", "", "")
	storeOnly, repair, asJSON := flags.Bool("store-only", false, ""), flags.Bool("repair", false, ""), flags.Bool("json", false, "")
	var from several
	flags.Var(&from, "from", "")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		_, err := io.WriteString(stdout, fsckUsage)
		return exitIntact, err
	case err != nil:
		return exitUsage, err
	case *path == "" || flags.NArg() > 0:
		return exitUsage, errors.New("usage: ingest fsck --config FILE [--store-only] [--repair] [--from BUNDLE.tsb]... [--json]")
	case len(from) > 0 && !*repair:
		return exitUsage, errors.New("--from is what to repair from: add --repair")
	}
	var cfg Config
	if err := service.LoadConfig(*path, &cfg); err != nil {
		return exitUsage, err
	}
	out := &lines{w: stdout, asJSON: *asJSON}
	database, err := influx.Open(cfg.Influx)
	if err != nil {
		return exitUnknown, err
	}
	defer database.Close()
	if err := database.Ping(ctx); err != nil {
		return exitUnknown, fmt.Errorf("InfluxDB at %s does not answer: %w", cfg.Influx.URL, err)
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	ledger, err := fabric.Open(ctx, cfg.Fabric, log)
	if err != nil {
		return exitUnknown, err
	}
	defer ledger.Close()
	r, err := fsck.Run(ctx, fsck.Config{
		ID: cfg.ID, Channel: cfg.Fabric.Channel, Dir: filepath.Join(cfg.Dir, "journal"), Store: database, Ledger: ledger, StoreOnly: *storeOnly, Repair: *repair, From: from, Now: time.Now,
		Say: func(f audit.Finding) { out.print(f, f.String()) },
		Did: func(what string) {
			out.print(map[string]string{"what": "repair", "detail": what}, "repair   "+what)
		},
	})
	switch {
	case errors.Is(err, journal.ErrInUse):
		return exitUnknown, fmt.Errorf("%w: stop it, or look at InfluxDB alone with --store-only", err)
	case err != nil:
		return exitUnknown, err
	}
	out.print(struct {
		What     string `json:"what"`
		Ingest   string `json:"ingest"`
		Findings int    `json:"findings"`
		Repaired int    `json:"repaired"`
		audit.Summary
	}{"summary", cfg.ID, r.Findings, r.Repaired, r.Summary},
		fmt.Sprintf("%s: %d messages in %d logs, %d heads: %d findings", cfg.ID, r.Messages, r.Logs, r.Heads, r.Findings))
	switch {
	case r.Findings > 0:
		return exitDiffers, out.err
	case r.Unproven > 0:
		return exitUnknown, out.err
	}
	return exitIntact, out.err
}

// lines prints for people or machines.
type lines struct {
	w      io.Writer
	asJSON bool
	err    error
}

func (l *lines) print(v any, text string) {
	if l.asJSON {
		raw, err := json.Marshal(v)
		if err != nil { // texts and numbers only
			panic(err)
		}
		text = string(raw)
	}
	if _, err := fmt.Fprintln(l.w, text); err != nil && l.err == nil {
		l.err = err
	}
}
