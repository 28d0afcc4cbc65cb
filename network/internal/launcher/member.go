package launcher

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/trackseal/trackseal/network/internal/topology"
)

// MemberOptions is what `member init` was asked for.
type MemberOptions struct {
	DisplayName string        // "" = the name with a capital letter
	Host        string        // at which others reach it; "" = loopback
	Ports       string        // default | auto | a number; "" = as before, or default
	Ingest      bool          // it receives from trackers
	Client      bool          // keys alone
	TLS         bool          // on every connection of the folder; decided once
	Valid       time.Duration // of its certificates
}

// InitMember makes the keys of an organisation that founds no channel, and the settings of a folder in which it runs, or adds it to a
// folder that has other members. Nothing is started and nobody else is asked. Crash order: the settings, then the keys; it can be repeated.
func (l *Launcher) InitMember(ctx context.Context, name string, opt MemberOptions) error {
	if l.broken != nil {
		return l.broken
	}
	m := topology.Member{
		Name: topology.Org(name), DisplayName: opt.DisplayName, Host: cmp.Or(opt.Host, topology.Loopback), Kind: topology.Node, Ingest: opt.Ingest,
	}
	if opt.Client {
		m.Kind = topology.Client
	}
	if m.DisplayName == "" && name != "" {
		m.DisplayName = m.Name.Title()
	}
	if err := m.Validate(); err != nil {
		return Misuse{err}
	}
	if opt.Client && opt.Ports != "" {
		return misuse("a client member listens nowhere: leave --ports out")
	}
	if opt.Valid <= 0 {
		return misuse("--valid %s: must be more than nothing", opt.Valid)
	}
	if _, _, err := l.with(m, opt); err != nil { // what cannot be leaves no trace
		return err
	}
	unlock, err := l.hold()
	if err != nil {
		return err
	}
	defer unlock()
	if err := errors.Join(l.whole(), l.moveIngest(ctx)); err != nil {
		return err
	}
	s, added, err := l.with(m, opt)
	if err != nil {
		return err
	}
	if added {
		if err := l.writeJSON(l.Stack.Settings(), s); err != nil {
			return err
		}
	}
	made, err := l.makeKeys(m.Name, opt.Valid)
	if err != nil {
		return err
	}
	if !made {
		fmt.Fprintf(l.Out, "%s is there already: nothing changed\n", m.Name)
		return nil
	}
	fmt.Fprintf(l.Out, "%s (%s): keys in %s, certificates valid until %s\n", m.Name, m.Name.MSP(), l.Stack.PeerOrgDir(m.Name), day(time.Now().Add(opt.Valid)))
	return nil
}

// with are the folder's settings with a member; added: it was not there.
func (l *Launcher) with(m topology.Member, opt MemberOptions) (s settings, added bool, err error) {
	s, err = loadSettings(l.Stack.Settings())
	if errors.Is(err, os.ErrNotExist) {
		s, err = settings{Orderers: topology.BFT, Ports: topology.Ports{}, TLS: opt.TLS}, nil
	}
	if err != nil {
		return s, false, err
	}
	if opt.TLS && !s.TLS {
		return s, false, fmt.Errorf("%s was set up without --tls: use another --dir", l.Stack.Dir)
	}
	if was := slices.IndexFunc(s.Members, func(o topology.Member) bool { return o.Name == m.Name }); was >= 0 {
		l.follow(s)
		return s, false, same(s.Members[was], m, opt)
	}
	s.Members = append(s.Members, m)
	l.follow(s)
	own, err := l.portsOf(m, opt.Ports)
	if err != nil {
		return s, false, Misuse{err}
	}
	maps.Copy(s.Ports, own)
	if err := l.Stack.Validate(); err != nil {
		return s, false, Misuse{err}
	}
	return s, true, nil
}

// same is an error when a member that is there was made otherwise. What was not said is as it was.
func same(was, want topology.Member, opt MemberOptions) error {
	switch {
	case opt.DisplayName != "" && was.DisplayName != want.DisplayName, opt.Host != "" && was.Host != want.Host,
		opt.Ingest && !was.Ingest, opt.Client && was.Kind != want.Kind:
		return fmt.Errorf("%s is there already, as %q at %s (%s, ingest %t): others may know it like that; use another --dir", was.Name, was.DisplayName, was.Host, was.Kind, was.Ingest)
	}
	return nil
}

// portsOf chooses the ports of one member of the folder; the others keep theirs.
func (l *Launcher) portsOf(m topology.Member, wish string) (topology.Ports, error) {
	alone := l.Stack
	alone.Members = []topology.Member{m}
	if wish != "" && wish != "default" {
		return choosePorts(alone, wish)
	}
	own, all := alone.DefaultPorts(), l.Stack.DefaultPorts()
	for listener := range own {
		own[listener] = all[listener]
	}
	return own, nil
}
