// Tracker-sim plays trackers: a seeded fleet for demonstrations, the replay of recorded trips, a load generator with full
// accounting, and an attacker.
package main

import (
	"context"
	"os"

	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/tracker-sim/internal/cli"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := service.WithSignals(context.Background())
	defer stop()
	return cli.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
}
