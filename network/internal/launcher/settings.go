package launcher

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"

	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// settings are decided once per folder: they are written into the ledger's first block.
type settings struct {
	Orderers topology.Consensus `json:"orderers"`
	Ports    topology.Ports     `json:"ports"`
}

func loadSettings(path string) (settings, error) {
	var s settings
	data, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("%s: %w; `network reset` starts anew", path, err)
	}
	if s.Orderers != topology.BFT && s.Orderers != topology.Raft {
		return s, fmt.Errorf("%s: orderers %q: must be bft or raft; `network reset` starts anew", path, s.Orderers)
	}
	if err := s.Ports.Validate(); err != nil {
		return s, fmt.Errorf("%s: %w; `network reset` starts anew", path, err)
	}
	return s, nil
}

// settle decides the settings of a new folder, or checks that the wishes fit those of an old one.
func (l *Launcher) settle(opt UpOptions) error {
	old, err := loadSettings(l.Stack.Settings())
	if err == nil {
		return l.compare(old, opt)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(l.Stack.ChannelBlock()); err == nil {
		// The ledger's first block names ports and consensus: new ones would not fit.
		return fmt.Errorf("%s is gone but the ledger that was made with it is there: put it back, or run `network reset`", l.Stack.Settings())
	}
	s := settings{Orderers: topology.Consensus(opt.Orderers)}
	if s.Orderers == "" {
		s.Orderers = topology.BFT
	}
	if s.Ports, err = choosePorts(opt.Ports); err != nil {
		return err
	}
	l.Stack.Orderers, l.Stack.Ports = s.Orderers, s.Ports
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return proc.WriteFile(l.Stack.Settings(), append(data, '\n'), 0o600)
}

func (l *Launcher) compare(old settings, opt UpOptions) error {
	l.Stack.Orderers, l.Stack.Ports = old.Orderers, old.Ports
	if want := topology.Consensus(opt.Orderers); want != "" && want != old.Orderers {
		return fmt.Errorf("%s was set up with --orderers %s: use another --dir, or run `network reset` first", l.Stack.Dir, old.Orderers)
	}
	if opt.Ports == "" || opt.Ports == "auto" {
		return nil // auto: found once, kept since
	}
	want, err := choosePorts(opt.Ports)
	if err != nil {
		return err
	}
	if !maps.Equal(want, old.Ports) {
		return fmt.Errorf("%s was set up with other ports: use another --dir, or run `network reset` first", l.Stack.Dir)
	}
	return nil
}
