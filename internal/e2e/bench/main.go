// Command bench measures what the project holds itself to, on a real stack, and prints one line a figure:
// "figure NAME VALUE UNIT". Speeds are ratios inside one run. It runs itself again as the broker, the bare subscriber and
// the publisher, so that each has a process of its own in both halves of a comparison.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "broker":
			return brokerProcess(ctx, args[1:])
		case "count":
			return countProcess(ctx, args[1:])
		case "publish":
			return publishProcess(ctx, args[1:])
		}
	}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	dir := fs.String("dir", "", "folder of the stack that is measured (made by network up --no-fleet)")
	network := fs.String("network", "", "the network program")
	only := fs.String("only", "ingest,anchors,replica,up", "which measurements")
	messages := fs.Int("messages", 200_000, "messages of the ingest comparison; a few seconds of load say more of the start than of the rest")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *dir == "" || *network == "" {
		return errors.New("-dir and -network are needed; make bench gives them")
	}
	abs, err := filepath.Abs(*dir)
	if err != nil {
		return err
	}
	s, err := openStack(ctx, abs)
	if err != nil {
		return err
	}
	for _, what := range strings.Split(*only, ",") {
		switch what {
		case "ingest":
			err = measureIngest(ctx, s, *messages)
		case "anchors":
			err = measureAnchors(ctx, s)
		case "replica":
			err = measureReplica(ctx, s)
		case "up":
			err = measureUp(ctx, abs, *network)
		default:
			err = fmt.Errorf("no measurement %q", what)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

func figure(name string, value float64, unit string) {
	fmt.Printf("figure %s %.4g %s\n", name, value, unit)
}

func note(format string, args ...any) { fmt.Fprintf(os.Stderr, "# "+format+"\n", args...) }
