package launcher

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/trackseal/trackseal/network/internal/identity"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// errKeysLost: certificates cannot be made anew for a ledger that trusts the old ones.
var errKeysLost = errors.New("the certificates are gone but the ledger that trusts them is there: put fabric/crypto back from a backup, or start anew with " + startAnew)

// makeCertificates makes the keys of every member that has none, and single certificates that were taken away.
func (l *Launcher) makeCertificates(context.Context, func(string)) (string, error) {
	members, single := 0, 0
	for _, o := range l.Stack.Orgs() {
		did, err := l.makeKeys(o, identity.Valid)
		if err != nil {
			return "", err
		}
		if did {
			members++
			continue
		}
		n, err := identity.MakeMissing(l.Stack, o, identity.Valid, time.Now())
		if err != nil {
			return "", err
		}
		single += n
	}
	switch {
	case members > 0:
		return fmt.Sprintf("%d of %d members made", members, len(l.Stack.Members)), nil
	case single > 0:
		return fmt.Sprintf("%d made", single), nil
	}
	return "kept", nil
}

// makeKeys makes an organisation's keys, in one step: a member's folder of keys is complete or not there. It needs nothing of any other
// organisation.
func (l *Launcher) makeKeys(o topology.Org, valid time.Duration) (made bool, err error) {
	there := func(path string) bool { _, err := os.Stat(path); return err == nil }
	if there(l.Stack.PeerOrgDir(o)) {
		return false, nil
	}
	if there(l.Stack.NodeData(topology.PeerProcess(o))) || l.Stack.Member(o).Orderer && there(l.Stack.ChannelBlock()) {
		return false, errKeysLost
	}
	// The same paths in a place of its own, so that the files can be written under their final names.
	draft := l.Stack
	draft.Dir = filepath.Join(l.Stack.RunDir(), "new")
	if err := os.RemoveAll(draft.Dir); err != nil {
		return false, err
	}
	if err := identity.MakeOrganisation(draft, o, valid, time.Now()); err != nil {
		return false, err
	}
	// The orderer's first, and the one that counts last: what a crash leaves in between is replaced.
	for _, dir := range []func(topology.Stack) string{
		func(s topology.Stack) string { return s.OrdererOrgDir(o) }, func(s topology.Stack) string { return s.PeerOrgDir(o) },
	} {
		if !there(dir(draft)) {
			continue
		}
		if err := errors.Join(os.RemoveAll(dir(l.Stack)), mkdir(filepath.Dir(dir(l.Stack)))); err != nil {
			return false, err
		}
		if err := os.Rename(dir(draft), dir(l.Stack)); err != nil {
			return false, err
		}
	}
	return true, os.RemoveAll(draft.Dir)
}

// certificates are all that an authority of this folder signed for something in it.
func (l *Launcher) certificates() []identity.Certificate {
	all := identity.Servers(l.Stack)
	for _, o := range l.Stack.Orgs() {
		all = append(all, identity.Of(l.Stack, o)...)
	}
	return all
}
