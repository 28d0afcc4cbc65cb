package launcher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/trackseal/trackseal/network/internal/topology"
)

// settings of a folder. All but the places are decided once: they are written into the ledger's first block, or others know them.
type settings struct {
	Orderers topology.Consensus `json:"orderers"`
	Members  []topology.Member  `json:"members"`
	Ports    topology.Ports     `json:"ports"`
	TLS      bool               `json:"tls,omitempty"` // nothing in the ledger names it, but every program's configuration does
	places

	// old: written when every folder had the same four members, one ingest among them.
	old bool
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
	if s.Members == nil {
		s.old, s.Members = true, topology.Founding()
		if port, ok := s.Ports["mqtt"]; ok {
			delete(s.Ports, "mqtt")
			s.Ports[topology.MQTT("carrier")] = port
		}
	}
	if s.Orderers != topology.BFT && s.Orderers != topology.Raft {
		return broken(fmt.Errorf("orderers %q: must be bft or raft", s.Orderers))
	}
	if err := (topology.Stack{Members: s.Members, Ports: s.Ports, TLS: s.TLS}).Validate(); err != nil {
		return broken(err)
	}
	return s, nil
}

// follow makes the stack what its settings say.
func (l *Launcher) follow(s settings) {
	l.Stack.Members, l.Stack.Orderers, l.Stack.Ports, l.Stack.TLS = s.Members, s.Orderers, s.Ports, s.TLS
}

// settle decides the settings of a new folder, or checks that the wishes fit those of an old one.
func (l *Launcher) settle(opt UpOptions) error {
	old, err := loadSettings(l.Stack.Settings())
	if err == nil {
		l.follow(old)
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
	s := settings{Orderers: topology.Consensus(opt.Orderers), Members: topology.Founding(), TLS: opt.TLS}
	if s.Orderers == "" {
		s.Orderers = topology.BFT
	}
	l.follow(s)
	if s.Ports, err = choosePorts(l.Stack, opt.Ports); err != nil {
		return err
	}
	l.follow(s)
	return l.remember(s, opt)
}

func (l *Launcher) compare(old settings, opt UpOptions) error {
	if opt.TLS && !old.TLS {
		return fmt.Errorf("%s was set up without --tls: use another --dir, or start anew with %s", l.Stack.Dir, startAnew)
	}
	if want := topology.Consensus(opt.Orderers); want != "" && want != old.Orderers {
		return fmt.Errorf("%s was set up with --orderers %s: use another --dir, or start anew with %s", l.Stack.Dir, old.Orderers, startAnew)
	}
	if opt.Ports == "" || opt.Ports == "auto" {
		return nil // auto: found once, kept since
	}
	want, err := choosePorts(l.Stack, opt.Ports)
	if err != nil {
		return err
	}
	// The first port tells: how the others follow it may have been another way when the folder was set up.
	base, err := strconv.Atoi(opt.Ports)
	if numbered := err == nil; numbered && base != slices.Min(slices.Collect(maps.Values(old.Ports))) || !numbered && !maps.Equal(want, old.Ports) {
		return fmt.Errorf("%s was set up with other ports: use another --dir, or start anew with %s", l.Stack.Dir, startAnew)
	}
	return nil
}

// keyed are the members whose keys are in the folder, with all that a member may run: what is known of it when its settings are not.
func (l *Launcher) keyed() []topology.Member {
	found, _ := filepath.Glob(l.Stack.PeerOrgDir("*"))
	var all []topology.Member
	for _, dir := range found {
		o := topology.Org(strings.TrimSuffix(filepath.Base(dir), filepath.Ext(dir)))
		all = append(all, topology.Member{Name: o, Host: topology.Loopback, Kind: topology.Node, Orderer: true, Ingest: true})
	}
	return all
}

// current is an error for a folder whose files are not yet where this program has them.
func (l *Launcher) current() error {
	if s, err := loadSettings(l.Stack.Settings()); err == nil && s.old {
		return errors.New("the folder is of an older version: `network up` brings it up to date")
	}
	return nil
}

// moveIngest gives the ingest of a folder of before its member's name: several members of a folder may run one. Crash order: the
// process is gone, the folder is moved, the settings are written anew (by settle); until then the folder counts as one of before.
func (l *Launcher) moveIngest(ctx context.Context) error {
	s, err := loadSettings(l.Stack.Settings())
	if err != nil || !s.old {
		return nil // settle says what is wrong with them
	}
	const process = "ingest-carrier"
	if err := l.unwish(process); err != nil {
		return err
	}
	if _, err := l.table.Stop(ctx, process); err != nil {
		return err
	}
	was, is := l.Stack.OldIngestDir(), l.Stack.IngestDir("carrier")
	if _, err := os.Stat(was); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if _, err := os.Stat(is); err == nil {
		return fmt.Errorf("%s and %s are both there: move the one away that holds the older journal", was, is)
	}
	return os.Rename(was, is)
}
