package launcher

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/network/internal/fabriccli"
	"github.com/trackseal/trackseal/network/internal/membership"
	"github.com/trackseal/trackseal/network/internal/render"
	"github.com/trackseal/trackseal/network/internal/steps"
	"github.com/trackseal/trackseal/network/internal/topology"
	"golang.org/x/sync/errgroup"
)

// endorsement is the channel's own policy that says who endorses. The definition refers to it, so it follows the members.
const endorsement = "/Channel/Application/Endorsement"

// definition is what the organisations agree on: a program, by its hash. Its version tells which one is in force.
func definition(sequence int, hash string) fabriccli.Definition {
	return fabriccli.Definition{
		Channel: topology.Channel, Name: topology.Chaincode, Policy: endorsement,
		Sequence: sequence, Version: fmt.Sprintf("%d-%s", sequence, hash),
	}
}

// hashOf the program that a definition's version names.
func hashOf(version string) string {
	_, hash, _ := strings.Cut(version, "-")
	return hash
}

// keepChaincode puts a copy of the program where its hash names it: the build writes the next one over it.
func (l *Launcher) keepChaincode(program string) (kept, hash string, err error) {
	f, err := os.Open(program)
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", "", err
	}
	hash = hex.EncodeToString(h.Sum(nil)[:8])
	kept = l.Stack.ChaincodeCopy(hash)
	if _, err := os.Stat(kept); err == nil {
		return kept, hash, nil
	}
	return kept, hash, steps.Make(kept, func(tmp string) error {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		to, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o700)
		if err != nil {
			return err
		}
		_, err = io.Copy(to, f)
		return errors.Join(err, to.Close())
	})
}

// agreedProgram is the program that the version in force names, else our own.
func (l *Launcher) agreedProgram(version, own string) string {
	agreed := l.Stack.ChaincodeCopy(hashOf(version))
	if _, err := os.Stat(agreed); version == "" || err != nil {
		return own
	}
	return agreed
}

// forgetChaincodes deletes the copies that neither run nor may run next.
func (l *Launcher) forgetChaincodes(own, version string) error {
	entries, err := os.ReadDir(filepath.Dir(l.Stack.ChaincodeCopy(own)))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != own && e.Name() != hashOf(version) {
			err = errors.Join(err, os.Remove(l.Stack.ChaincodeCopy(e.Name())))
		}
	}
	return err
}

// Marks of the speaker's peer about the chaincode's program.
const (
	approved = "approved"      // the definition that its organisation agreed on last
	inForce  = "program"       // this folder's program, when it was the one in force last
	otherRun = "other-program" // the folder runs another build, as it said when it joined, and never proposes one
)

// fits refuses a program that is not the one in force, in a folder that has not agreed on one yet: a new member does not begin with a
// new program. It may run another build of the same program, when it says so.
func (l *Launcher) fits(version, hash string) error {
	peer := topology.PeerProcess(l.speaker())
	switch {
	case l.nodeMark(peer, approved).Exists() || len(l.Stack.Founders()) > 0 || hashOf(version) == hash:
		return nil
	case version == "":
		return errors.New("the channel has no chaincode yet: its founders' `up` is not done; run this again then")
	case l.others:
		return l.nodeMark(peer, otherRun).Set(hash)
	}
	return fmt.Errorf("this chaincode program is %s, and %s is in force: take the release that the others run, or say --other-chaincode", hash, version)
}

// define agrees, for the folder's members, on the program of that hash, and puts it into force when enough of the channel's members agree.
// What is in force is agreed on, too: a peer runs a chaincode only when its organisation did. All of it may have happened before a crash.
func (l *Launcher) define(ctx context.Context, ids map[topology.Org]string, sequence int, version, hash string) (agreed, said string, err error) {
	on := l.onChannel()
	ids = maps.Clone(ids)
	maps.DeleteFunc(ids, func(o topology.Org, _ string) bool { return !slices.Contains(on, o) })
	peer := topology.PeerProcess(l.speaker())
	// A definition of before named its policy, not a program: all who were there had agreed on it.
	if sequence > 0 && len(hashOf(version)) == len(hash) {
		now := definition(sequence, hashOf(version))
		now.Version = version
		if err := l.approve(ctx, ids, now); err != nil {
			return "", "", err
		}
		switch {
		case hashOf(version) == hash:
			return version, "", l.nodeMark(peer, inForce).Set(hash)
		case l.nodeMark(peer, otherRun).Exists():
			return version, "", nil
		}
	}
	if err := l.nameMembers(ctx); err != nil {
		return "", "", err
	}
	next := definition(sequence+1, hash)
	members, need, err := l.mustAgree()
	if err != nil {
		return "", "", err
	}
	if l.nodeMark(peer, inForce).Is(hash) && len(ids) < need {
		// Those who decide by themselves may well go back to an older one.
		return version, fmt.Sprintf("; program %s is in force, and %s here was before: install the release that the others run", hashOf(version), hash), nil
	}
	if err := l.approve(ctx, ids, next); err != nil {
		return "", "", err
	}
	did, yes, err := l.commit(ctx, next, members, need)
	switch {
	case err != nil:
		return "", "", err
	case !did:
		return version, fmt.Sprintf("; the next program, %s, is agreed on by %d organisations, and runs once %d do", hash, yes, need), nil
	}
	return next.Version, "", l.nodeMark(peer, inForce).Set(hash)
}

// mustAgree are a peer of each member that has one, and how many of the members put a definition into force.
func (l *Launcher) mustAgree() (members []render.Node, need int, err error) {
	known, err := l.known()
	if err != nil {
		return nil, 0, err
	}
	for _, p := range known.Peers {
		if !slices.ContainsFunc(members, func(m render.Node) bool { return m.MSP == p.MSP }) {
			members = append(members, p)
		}
	}
	return members, ledger.Majority(len(members)), nil
}

// nameMembers brings a channel that the folder's members founded before others could join up to date: the definition will refer to its policy.
func (l *Launcher) nameMembers(ctx context.Context) error {
	var desks []membership.Desk
	for _, o := range l.Stack.Founders() {
		d, done, err := l.desk(o)
		if err != nil {
			return err
		}
		defer done()
		desks = append(desks, d)
	}
	if len(desks) == 0 {
		return nil
	}
	return membership.NameMembers(ctx, desks)
}

// approve is the consent of the folder's members to a definition.
func (l *Launcher) approve(ctx context.Context, ids map[topology.Org]string, d fabriccli.Definition) error {
	g, gctx := errgroup.WithContext(ctx)
	for o, id := range ids {
		g.Go(func() error {
			return l.nodeMark(topology.PeerProcess(o), approved).Once(d.Version+" "+id, func() error {
				return l.order(gctx, o, func(orderer fabriccli.Orderer) error {
					_, err := l.fabric(gctx, l.admin(o).Approve(orderer, d, id))
					if fabriccli.Said(err, "with unchanged content") {
						return nil
					}
					return err
				})
			})
		})
	}
	return g.Wait()
}

// commit puts a definition into force when the own peer says that enough members' organisations agree.
func (l *Launcher) commit(ctx context.Context, d fabriccli.Definition, members []render.Node, need int) (did bool, yes int, err error) {
	out, err := l.fabric(ctx, l.admin(l.speaker()).Readiness(d))
	if err != nil {
		return false, 0, err
	}
	var said struct {
		Approvals map[string]bool `json:"approvals"`
	}
	if err := json.Unmarshal(out, &said); err != nil {
		return false, 0, fmt.Errorf("peer lifecycle chaincode checkcommitreadiness: %w", err)
	}
	agree := slices.DeleteFunc(slices.Clone(members), func(p render.Node) bool { return !said.Approvals[p.MSP] })
	if len(agree) < need {
		return false, len(agree), nil
	}
	attempt := 0
	err = l.order(ctx, l.speaker(), func(orderer fabriccli.Orderer) error {
		var some []fabriccli.Endorser // others with every attempt: one may be away
		for i := range need {
			p := agree[(attempt+i)%len(agree)]
			some = append(some, fabriccli.Endorser{Address: p.Address, TLSRoot: p.TLSRoots})
		}
		attempt++
		_, err := l.fabric(ctx, l.admin(l.speaker()).Commit(orderer, d, some))
		if err == nil {
			return nil
		}
		// Was it ordered after all?
		if _, version, e := l.committed(ctx); e == nil && version == d.Version {
			return nil
		}
		return err
	})
	return err == nil, len(agree), err
}

// committed asks for the definition in force; sequence 0 when there is none.
func (l *Launcher) committed(ctx context.Context) (sequence int, version string, err error) {
	desk, done, err := l.desk(l.speaker())
	if err != nil {
		return 0, "", err
	}
	defer done()
	return desk.Committed(ctx)
}

// endorsers are the peers of the channel's members.
func (l *Launcher) endorsers() ([]fabriccli.Endorser, error) {
	known, err := l.known()
	var all []fabriccli.Endorser
	for _, p := range known.Peers {
		all = append(all, fabriccli.Endorser{Address: p.Address, TLSRoot: p.TLSRoots})
	}
	return all, err
}
