// Command network builds and runs a whole Trackseal stack on one machine: a Fabric network, InfluxDB, ingest, the APIs and
// a simulated fleet.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/trackseal/trackseal/network/internal/cli"
	"golang.org/x/term"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	err := cli.Run(ctx, os.Args[1:], cli.Terminal{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Interactive: term.IsTerminal(int(os.Stdin.Fd()))})
	if err != nil {
		fmt.Fprintln(os.Stderr, "network:", err)
	}
	return cli.Code(err)
}
