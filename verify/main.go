// Command verify is the auditor's program: it checks an evidence bundle offline against the auditor's own policy.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/trackseal/trackseal/verify/internal/cli"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	os.Exit(cli.Run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
