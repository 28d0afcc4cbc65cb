package launcher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/trackseal/trackseal/network/internal/topology"
)

// settings of a folder. All but the places are decided once: they are written into the ledger's first block.
type settings struct {
	Orderers topology.Consensus `json:"orderers"`
	Ports    topology.Ports     `json:"ports"`
	TLS      bool               `json:"tls,omitempty"` // nothing in the ledger names it, but every program's configuration does
	places
}

// startAnew is the way out that is always open. Whoever names it says what it costs.
const startAnew = "`network reset`, which deletes ledger, readings and keys"

func loadSettings(path string) (settings, error) {
	var s settings
	data, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	broken := func(err error) (settings, error) {
		return s, fmt.Errorf("%s: %w: put it back from a backup, or start anew with %s", path, err, startAnew)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return broken(err)
	}
	if s.Orderers != topology.BFT && s.Orderers != topology.Raft {
		return broken(fmt.Errorf("orderers %q: must be bft or raft", s.Orderers))
	}
	if err := s.Ports.Validate(); err != nil {
		return broken(err)
	}
	return s, nil
}

// settle decides the settings of a new folder, or checks that the wishes fit those of an old one.
func (l *Launcher) settle(opt UpOptions) error {
	old, err := loadSettings(l.Stack.Settings())
	if err == nil {
		if err := l.compare(old, opt); err != nil {
			return err
		}
		return l.remember(old, opt)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(l.Stack.ChannelBlock()); err == nil {
		// The ledger's first block names ports and consensus: new ones would not fit.
		return fmt.Errorf("%s is gone but the ledger that was made with it is there: put it back from a backup, or start anew with %s", l.Stack.Settings(), startAnew)
	}
	s := settings{Orderers: topology.Consensus(opt.Orderers), TLS: opt.TLS}
	if s.Orderers == "" {
		s.Orderers = topology.BFT
	}
	if s.Ports, err = choosePorts(opt.Ports); err != nil {
		return err
	}
	l.Stack.Orderers, l.Stack.Ports, l.Stack.TLS = s.Orderers, s.Ports, s.TLS
	return l.remember(s, opt)
}

func (l *Launcher) compare(old settings, opt UpOptions) error {
	l.Stack.Orderers, l.Stack.Ports, l.Stack.TLS = old.Orderers, old.Ports, old.TLS
	if opt.TLS && !old.TLS {
		return fmt.Errorf("%s was set up without --tls: use another --dir, or start anew with %s", l.Stack.Dir, startAnew)
	}
	if want := topology.Consensus(opt.Orderers); want != "" && want != old.Orderers {
		return fmt.Errorf("%s was set up with --orderers %s: use another --dir, or start anew with %s", l.Stack.Dir, old.Orderers, startAnew)
	}
	if opt.Ports == "" || opt.Ports == "auto" {
		return nil // auto: found once, kept since
	}
	want, err := choosePorts(opt.Ports)
	if err != nil {
		return err
	}
	if !maps.Equal(want, old.Ports) {
		return fmt.Errorf("%s was set up with other ports: use another --dir, or start anew with %s", l.Stack.Dir, startAnew)
	}
	return nil
}

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
		taken := func(port int) bool { return !portFree(port) }
		if !slices.ContainsFunc(slices.Collect(maps.Values(p)), taken) {
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
				return fmt.Errorf("port %d, which %s needs, is in use: stop the program that holds it, or choose other ports in a new folder: `up --dir DIR --ports auto`", port, listener)
			}
		}
	}
	return nil
}
