// Package server runs chaincode as a service: peers connect to it over mutual TLS.
package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
)

// Config says where to listen and as what. All members are required.
type Config struct {
	Listen   string // host:port; port 0 takes a free one
	ID       string // package id of the installed chaincode, label:hash
	TLSCert  string // PEM files: the server's certificate and key,
	TLSKey   string
	ClientCA string // and the roots of the peers that may connect
}

// drain is how long calls under way may still take after the stop.
const drain = 5 * time.Second

// maxMessage is what Fabric's peers accept as well.
const maxMessage = 100 << 20

// Run serves until ctx ends, then lets the calls under way finish. ready, if not nil, hears the address that it listens on.
func Run(ctx context.Context, cfg Config, cc shim.Chaincode, log *slog.Logger, ready func(net.Addr)) error {
	tlsConfig, err := cfg.tls()
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return err
	}
	s := grpc.NewServer(
		grpc.Creds(credentials.NewTLS(tlsConfig)),
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxSendMsgSize(maxMessage),
		grpc.ConnectionTimeout(5*time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Minute, PermitWithoutStream: true}),
	)
	calls := newCalls(cc, log)
	// The shim's server type is used for its stream handler only; listening and stopping are ours.
	svc := &service{shim: &shim.ChaincodeServer{CCID: cfg.ID, CC: calls}, calls: calls, end: make(chan struct{})}
	peer.RegisterChaincodeServer(s, svc)
	log.InfoContext(ctx, "listening", slog.String("address", l.Addr().String()), slog.String("id", cfg.ID))
	if ready != nil {
		ready(l.Addr())
	}

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := s.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		// Answer what is under way, then end the streams, then let gRPC send what is written; give up on whoever does not
		// read, so that a stop always ends.
		calls.stop()
		log.Info("stopping")
		if !calls.wait(drain) {
			log.Warn("stopping with calls under way", slog.Duration("waited", drain))
		}
		close(svc.end)
		force := time.AfterFunc(drain, s.Stop)
		defer force.Stop()
		s.GracefulStop()
		return nil
	})
	return g.Wait()
}

// Validate reports every missing or malformed member at once.
func (c Config) Validate() error {
	var problems []string
	for _, m := range []struct{ flag, value string }{
		{"--listen", c.Listen}, {"--id", c.ID}, {"--tls-cert", c.TLSCert}, {"--tls-key", c.TLSKey}, {"--client-ca", c.ClientCA},
	} {
		if m.value == "" {
			problems = append(problems, m.flag+" is missing")
		}
	}
	if _, _, err := net.SplitHostPort(c.Listen); c.Listen != "" && err != nil {
		problems = append(problems, fmt.Sprintf("--listen %q is not host:port", c.Listen))
	}
	if c.ID != "" && !strings.Contains(c.ID, ":") {
		problems = append(problems, fmt.Sprintf("--id %q is not a package id (label:hash, as `peer lifecycle chaincode queryinstalled` prints it)", c.ID))
	}
	if len(problems) > 0 {
		return errors.New(strings.Join(problems, "; "))
	}
	return nil
}

// tls accepts only peers whose certificate chains to the client roots: whoever reaches the port could otherwise play the peer
// and see every argument.
func (c Config) tls() (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert, --tls-key: %w", err)
	}
	pem, err := os.ReadFile(c.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("--client-ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--client-ca: %s holds no PEM certificate", c.ClientCA)
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{cert},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    roots,
	}, nil
}
