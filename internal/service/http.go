package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// HTTP is a server as a Part. Requests under way at the stop are finished, within the drain time.
type HTTP struct {
	Listen  string // host:port; port 0 picks a free one
	Handler http.Handler
	Log     *slog.Logger
	// OnStop, if set, is called when the stop begins: end endless answers (streams) here.
	OnStop func()
	// Ready, if set, is called with the address once connections are accepted.
	Ready func(addr net.Addr)
}

// Part is the server under a name.
func (h *HTTP) Part(name string) Part { return Part{Name: name, Run: h.Run} }

// Run listens and serves until ctx ends.
func (h *HTTP) Run(ctx context.Context) error {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", h.Listen)
	if err != nil {
		return fmt.Errorf("%w (another program may use this address; change `listen`/`http` in the configuration)", err)
	}
	srv := &http.Server{
		Handler:           h.Handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(h.Log.Handler(), slog.LevelDebug),
	}
	if h.OnStop != nil {
		srv.RegisterOnShutdown(h.OnStop)
	}
	if h.Ready != nil {
		h.Ready(ln.Addr())
	}
	h.Log.InfoContext(ctx, "listening", "address", ln.Addr().String())

	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		// One second less than Run gives, so that the connections are closed before the process ends.
		late, cancel := context.WithTimeout(context.Background(), drain-time.Second)
		defer cancel()
		if err := srv.Shutdown(late); err != nil {
			srv.Close()
		}
	})
	err = srv.Serve(ln)
	if stop() { // ctx has not ended: Serve failed by itself
		return err
	}
	<-stopped
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
