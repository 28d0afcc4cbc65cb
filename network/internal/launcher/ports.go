package launcher

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/trackseal/trackseal/network/internal/topology"
)

// Automatic ports lie below the range that the kernel gives to outgoing connections: there a port that is free now could be
// taken while its process restarts.
const (
	autoFrom  = 10000
	autoUntil = 32000
)

func choosePorts(wish string) (topology.Ports, error) {
	switch wish {
	case "", "default":
		return topology.DefaultPorts(), nil
	case "auto":
		return autoPorts()
	}
	base, err := strconv.Atoi(wish)
	if err != nil || base < 1024 || base+topology.Span-1 > 65535 {
		return nil, fmt.Errorf("--ports %q: must be default, auto, or the first of %d ports (1024 to %d)", wish, topology.Span, 65536-topology.Span)
	}
	return topology.PortsFrom(base), nil
}

func autoPorts() (topology.Ports, error) {
	blocks := (autoUntil - autoFrom) / 60
	for range 200 {
		p := topology.PortsFrom(autoFrom + 60*rand.IntN(blocks))
		if free := func() bool {
			for _, port := range p {
				if !portFree(port) {
					return false
				}
			}
			return true
		}(); free {
			return p, nil
		}
	}
	return nil, fmt.Errorf("no %d free ports in a row between %d and %d: name the first one with --ports N", topology.Span, autoFrom, autoUntil)
}

// portFree: nothing listens there. Only "in use" counts; anything else the process itself will report better.
func portFree(port int) bool {
	ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return !errors.Is(err, syscall.EADDRINUSE)
	}
	ln.Close()
	return true
}

// portFreed is portFree that gives a killed process the time to end.
func portFreed(ctx context.Context, port int) bool {
	ctx, cancel := context.WithTimeout(ctx, dying)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !portFree(port) {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// checkPorts looks, before anything is built, whether a process that does not run yet would find its port taken.
func (l *Launcher) checkPorts(ctx context.Context, groups []topology.Group) error {
	strays := l.table.Strays()
	for _, p := range topology.Processes() {
		if !slices.Contains(groups, p.Group) {
			continue
		}
		if _, err := l.table.Lookup(p.Name); err == nil {
			continue
		}
		if _, ours := strays[p.Name]; ours {
			continue
		}
		for _, listener := range p.Listeners {
			if port := l.Stack.Port(listener); !portFreed(ctx, port) {
				return fmt.Errorf("port %d, which %s needs, is in use: stop the program that holds it, or choose other ports in a new folder: `up --dir DIR --ports auto` (or `reset` this one first)", port, listener)
			}
		}
	}
	return nil
}
