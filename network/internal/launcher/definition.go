package launcher

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/network/internal/fabriccli"
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

// fits refuses a program that is not the one in force, in a folder that has not agreed on one yet: a new member does not begin with a
// new program. It may run another build of the same program, when it says so.
func (l *Launcher) fits(version, hash string) error {
	_, err := os.Stat(string(l.nodeMark(topology.PeerProcess(l.speaker()), "approved")))
	switch {
	case err == nil || l.others || len(l.Stack.Founders()) > 0 || hashOf(version) == hash:
		return nil
	case version == "":
		return errors.New("the channel has no chaincode yet: its founders' `up` is not done; run this again then")
	}
	return fmt.Errorf("this chaincode program is %s, and %s is in force: take the release that the others run, or say --other-chaincode", hash, version)
}

// define agrees, for the folder's members, on the program of that hash, and puts it into force when enough of the channel's members agree.
// What is in force is agreed on, too: a peer runs a chaincode only when its organisation did. All of it may have happened before a crash.
func (l *Launcher) define(ctx context.Context, ids map[topology.Org]string, sequence int, version, hash string) (agreed, said string, err error) {
	if sequence > 0 {
		inForce := definition(sequence, hashOf(version))
		inForce.Version = version
		if err := l.approve(ctx, ids, inForce); err != nil {
			return "", "", err
		}
		if hashOf(version) == hash || l.others {
			return version, "", nil
		}
	}
	next := definition(sequence+1, hash)
	if err := l.approve(ctx, ids, next); err != nil {
		return "", "", err
	}
	did, yes, need, err := l.commit(ctx, next)
	switch {
	case err != nil:
		return "", "", err
	case !did:
		return version, fmt.Sprintf("; the next program, %s, is agreed on by %d of %d organisations that must, and runs once they do", hash, yes, need), nil
	}
	return next.Version, "", nil
}

// approve is the consent of the folder's members to a definition.
func (l *Launcher) approve(ctx context.Context, ids map[topology.Org]string, d fabriccli.Definition) error {
	g, gctx := errgroup.WithContext(ctx)
	for o, id := range ids {
		g.Go(func() error {
			return l.nodeMark(topology.PeerProcess(o), "approved").Once(d.Version+" "+id, func() error {
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

// commit puts a definition into force when the peers of enough members say that their organisations agree.
func (l *Launcher) commit(ctx context.Context, d fabriccli.Definition) (did bool, yes, need int, err error) {
	known, err := l.known()
	if err != nil {
		return false, 0, 0, err
	}
	out, err := l.fabric(ctx, l.admin(l.speaker()).Readiness(d))
	if err != nil {
		return false, 0, 0, err
	}
	var said struct {
		Approvals map[string]bool `json:"approvals"`
	}
	if err := json.Unmarshal(out, &said); err != nil {
		return false, 0, 0, fmt.Errorf("peer lifecycle chaincode checkcommitreadiness: %w", err)
	}
	members := map[string]bool{}
	var agree []render.Node
	for _, p := range known.Peers {
		if !members[p.MSP] && said.Approvals[p.MSP] {
			agree = append(agree, p)
		}
		members[p.MSP] = true
	}
	need = ledger.Majority(len(members))
	if len(agree) < need {
		return false, len(agree), need, nil
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
	return err == nil, len(agree), need, err
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
