package launcher

import (
	"context"
	"errors"
	"fmt"
	"maps"
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

// choosePorts gives the listeners of a stack the ports of a wish.
func choosePorts(s topology.Stack, wish string) (topology.Ports, error) {
	span := topology.Span * len(s.Members)
	switch wish {
	case "", "default":
		return s.DefaultPorts(), nil
	case "auto":
		return autoPorts(s, span)
	}
	base, err := strconv.Atoi(wish)
	if err != nil || base < 1024 || base+span-1 > 65535 {
		return nil, fmt.Errorf("--ports %q: must be default, auto, or the first of %d ports (1024 to %d)", wish, span, 65536-span)
	}
	return s.PortsFrom(base), nil
}

func autoPorts(s topology.Stack, span int) (topology.Ports, error) {
	blocks := (autoUntil - autoFrom) / span
	for range 200 {
		s.Ports = s.PortsFrom(autoFrom + span*rand.IntN(blocks))
		taken := func(listener string) bool { return !portFree(s.Addr(listener)) }
		if !slices.ContainsFunc(slices.Collect(maps.Keys(s.Ports)), taken) {
			return s.Ports, nil
		}
	}
	return nil, fmt.Errorf("no %d free ports in a row between %d and %d: name the first one with --ports N", span, autoFrom, autoUntil)
}

// portFree: nothing listens there. Only "in use" counts; anything else the process itself will report better.
func portFree(addr string) bool {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return !errors.Is(err, syscall.EADDRINUSE)
	}
	ln.Close()
	return true
}

// portFreed is portFree that gives a killed process the time to end.
func portFreed(ctx context.Context, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, dying)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !portFree(addr) {
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
	for _, p := range l.Stack.Processes() {
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
			if !portFreed(ctx, l.Stack.Addr(listener)) {
				return fmt.Errorf("port %d, which %s needs, is in use: stop the program that holds it, or choose other ports in a new folder: `up --dir DIR --ports auto`", l.Stack.Port(listener), listener)
			}
		}
	}
	return nil
}
