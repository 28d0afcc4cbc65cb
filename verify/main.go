// Command verify is the auditor's program: it checks an evidence bundle offline against the auditor's own policy.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/trackseal/trackseal/internal/codec"
	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/stored/audit"
	"github.com/trackseal/trackseal/verify/internal/cli"
)

func main() {
	codec.ChildMain()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	os.Exit(cli.Run(ctx, os.Args[1:], os.Stdout, os.Stderr, open))
}

// open opens the store that is to be checked. This is all that verify has to do with a server's software: what the store answers is what is
// in question.
func open(at cli.StoreAt) (audit.Whole, func(), error) {
	c, err := influx.Open(influx.Config{URL: at.URL, Org: at.Org, Bucket: at.Bucket, TokenFile: at.TokenFile, Client: at.Client})
	if err != nil {
		return nil, nil, err
	}
	return c, c.Close, nil
}
