// Command chaincode serves the ledger's rules to an organisation's peers (chaincode as a service, mutual TLS).
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/trackseal/trackseal/chaincode/internal/server"
	"github.com/trackseal/trackseal/chaincode/internal/stub"
	"github.com/trackseal/trackseal/internal/service"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	os.Exit(service.Exit("chaincode", run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr), os.Stderr))
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	var cfg server.Config
	var level slog.Level
	flags := flag.NewFlagSet("chaincode", flag.ContinueOnError)
	flags.StringVar(&cfg.Listen, "listen", getenv("CHAINCODE_SERVER_ADDRESS"), "`host:port` to listen on (CHAINCODE_SERVER_ADDRESS)")
	flags.StringVar(&cfg.ID, "id", getenv("CORE_CHAINCODE_ID_NAME"), "package `id` of the installed chaincode (CORE_CHAINCODE_ID_NAME)")
	flags.StringVar(&cfg.TLSCert, "tls-cert", getenv("CHAINCODE_TLS_CERT"), "PEM `file` with the server certificate (CHAINCODE_TLS_CERT)")
	flags.StringVar(&cfg.TLSKey, "tls-key", getenv("CHAINCODE_TLS_KEY"), "PEM `file` with its private key (CHAINCODE_TLS_KEY)")
	flags.StringVar(&cfg.ClientCA, "client-ca", getenv("CHAINCODE_CLIENT_CA"), "PEM `file` with the roots of the peers that may connect (CHAINCODE_CLIENT_CA)")
	flags.TextVar(&level, "log-level", slog.LevelInfo, "`level`: debug, info, warn or error")
	if done, err := service.Parse(flags, args, stdout); done || err != nil {
		return err
	}
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("%w; see --help", err)
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	return server.Run(ctx, cfg, stub.Chaincode{}, log, nil)
}
