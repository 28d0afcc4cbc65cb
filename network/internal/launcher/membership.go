package launcher

import (
	"cmp"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/network/internal/channelconfig"
	"github.com/trackseal/trackseal/network/internal/membership"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// Request writes the file in which the folder's member asks to be admitted, signed by its administrator. to is "" for NAME.request.json
// in the working folder.
func (l *Launcher) Request(name, to string) error {
	o, err := l.one(name)
	if err != nil {
		return err
	}
	m := l.Stack.Member(o)
	r := membership.Request{Name: string(o), DisplayName: m.DisplayName, Kind: string(m.Kind), Operator: m.Ingest, MSP: o.MSP()}
	if m.Kind == topology.Node {
		r.Peer = l.Stack.Addr(topology.PeerProcess(o))
	}
	for path, text := range map[string]*string{
		l.Stack.CACert(o): &r.CA, l.Stack.TLSCACert(o): &r.TLSCA, l.Stack.UserCert(o, "Admin"): &r.Admin,
	} {
		data, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("%w: `network member init %s` makes the keys", err, o)
		}
		*text = string(data)
	}
	key, err := signer(l.Stack.UserKey(o, "Admin"))
	if err != nil {
		return err
	}
	if r, err = r.Sign(key); err != nil {
		return err
	}
	data, err := r.File()
	if err != nil {
		return err
	}
	if _, err := membership.ReadRequest(data, time.Now()); err != nil { // what the others would say
		return err
	}
	if to == "" {
		to = string(o) + ".request.json"
	}
	if err := os.WriteFile(to, data, 0o644); err != nil { // it holds no secret
		return err
	}
	fmt.Fprintf(l.Out, "%s: give it to the members. They will ask you for these fingerprints:\n", to)
	return r.Show(l.Out)
}

func signer(path string) (crypto.Signer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s: no PEM", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s: a key that cannot sign", path)
	}
	return s, nil
}

// one is the member of the folder that is named, or the only one.
func (l *Launcher) one(name string) (topology.Org, error) {
	orgs := l.Stack.Orgs()
	switch {
	case l.broken != nil:
		return "", l.broken
	case !l.isStack():
		return "", fmt.Errorf("%s has no members: `network member init NAME` makes one, `network up` founds a network of four", l.Stack.Dir)
	case name == "" && len(orgs) == 1:
		return orgs[0], nil
	case name == "":
		return "", misuse("%s has %d members: name one with --as", l.Stack.Dir, len(orgs))
	case l.Stack.Member(topology.Org(name)).Name == "":
		return "", misuse("--as %s: %s has no such member", name, l.Stack.Dir)
	}
	return topology.Org(name), nil
}

// voters are the folder's members that decide: all with a peer, or the one that is named.
func (l *Launcher) voters(as string) ([]topology.Org, error) {
	if as != "" {
		o, err := l.one(as)
		return []topology.Org{o}, err
	}
	if l.broken != nil {
		return nil, l.broken
	}
	if !l.isStack() {
		return nil, ErrDown
	}
	if nodes := l.onChannel(); len(nodes) > 0 {
		return nodes, nil
	}
	return nil, misuse("%s has no member with a peer", l.Stack.Dir)
}

// findFabric finds Fabric's programs where the last `up` took them from.
func (l *Launcher) findFabric(ctx context.Context) error {
	s, err := loadSettings(l.Stack.Settings())
	if err != nil {
		return err
	}
	if l.places, err = s.places.choose(os.Getenv(cacheVariable), ""); err != nil {
		return err
	}
	_, err = l.findServers(true, false)(ctx, func(string) {})
	return err
}

// Approve shows what an organisation asks for and agrees to it, as the folder's members. Whoever completes the majority has the
// invitation written, in the folder out.
func (l *Launcher) Approve(ctx context.Context, file, as, out string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	r, err := membership.ReadRequest(data, time.Now())
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err := r.Show(l.Out); err != nil {
		return err
	}
	executed, err := l.decide(ctx, as, func(d membership.Desk) (membership.Step, error) { return d.Approve(ctx, r, data) })
	if err != nil || executed == "" {
		return err
	}
	desk, done, err := l.desk(executed)
	if err != nil {
		return err
	}
	defer done()
	i, err := desk.Invite(ctx, r.Name)
	if err != nil {
		return err
	}
	if data, err = i.File(); err != nil {
		return err
	}
	to := filepath.Join(out, r.Name+".invitation.json")
	if err := os.WriteFile(to, data, 0o644); err != nil { // it holds no secret
		return err
	}
	fmt.Fprintf(l.Out, "%s is a member. Give it %s; its channel begins with block %s\n", r.Name, to, i.Genesis)
	fmt.Fprintln(l.Out, "`network up` makes this folder's programs know its peer")
	return nil
}

// Evict agrees that a member goes, as the folder's members. Whoever completes the majority does it.
func (l *Launcher) Evict(ctx context.Context, name, as string) error {
	executed, err := l.decide(ctx, as, func(d membership.Desk) (membership.Step, error) { return d.Evict(ctx, name) })
	if err == nil && executed != "" {
		fmt.Fprintf(l.Out, "%s is no member any more, and its peer is off the channel\n", name)
	}
	return err
}

// decide does the same for each of the folder's members and names the one that saw the decision executed; "" when votes are missing.
func (l *Launcher) decide(ctx context.Context, as string, do func(membership.Desk) (membership.Step, error)) (executed topology.Org, err error) {
	voters, err := l.voters(as)
	if err != nil {
		return "", err
	}
	if err := l.findFabric(ctx); err != nil {
		return "", err
	}
	for _, o := range voters {
		desk, done, err := l.desk(o)
		if err != nil {
			return "", err
		}
		s, err := do(desk)
		if err == nil && s.Executed {
			var c channelconfig.Config // others may be found by it, and one that is gone not asked any more
			if c, err = desk.Configuration(ctx); err == nil {
				err = l.learn(c)
			}
		}
		done()
		if err != nil {
			return "", fmt.Errorf("%s: %w", o, err)
		}
		if s.Before != s.After {
			fmt.Fprintf(l.Out, "  signs of\n    now        %s\n    afterwards %s\n", s.Before, s.After)
		}
		switch {
		case s.Executed && s.Did == "agreed before":
			fmt.Fprintf(l.Out, "%s: done before\n", o)
			return o, nil
		case s.Executed:
			fmt.Fprintf(l.Out, "%s %s: %d of %d that must, and it was done\n", o, s.Did, s.Yes, s.Need)
			return o, nil
		}
		fmt.Fprintf(l.Out, "%s %s: %d of %d that must\n", o, s.Did, s.Yes, s.Need)
		if s.Lacks != "" {
			fmt.Fprintln(l.Out, s.Lacks)
		}
	}
	return "", nil
}

// Leave ends the membership of the folder's member. With retire its ingest is stopped and taken out of service before.
func (l *Launcher) Leave(ctx context.Context, as string, retire bool) error {
	o, err := l.one(as)
	if err != nil {
		return err
	}
	if err := l.findFabric(ctx); err != nil {
		return err
	}
	if retire && l.Stack.Member(o).Ingest {
		process := topology.IngestProcess(o)
		if err := l.unwish(process); err != nil {
			return err
		}
		if _, err := l.table.Stop(ctx, process); err != nil {
			return err
		}
	}
	desk, done, err := l.desk(o)
	if err != nil {
		return err
	}
	defer done()
	if err := desk.Leave(ctx, retire); err != nil {
		if ledger.CodeOf(err) == ledger.BadState && !retire {
			return fmt.Errorf("%w: --retire stops its ingest and takes it out of service", err)
		}
		return err
	}
	fmt.Fprintf(l.Out, "%s has left. What it signed stays valid; its peer gets blocks until the others run `network member evict %s`\n", o, o)
	fmt.Fprintln(l.Out, "`network down` stops what runs here")
	return nil
}

// Members lists the network's members and what is proposed, as the own peer has it.
func (l *Launcher) Members(ctx context.Context, as string, asJSON bool) error {
	voters, err := l.voters(as)
	if err != nil {
		return err
	}
	if err := l.findFabric(ctx); err != nil {
		return err
	}
	desk, done, err := l.desk(voters[0])
	if err != nil {
		return err
	}
	defer done()
	members, proposals, err := desk.Members(ctx)
	if err != nil {
		return err
	}
	c, err := desk.Configuration(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		e := json.NewEncoder(l.Out)
		e.SetIndent("", "  ")
		return e.Encode(map[string]any{"members": members, "proposals": proposals, "endorsement": c.Endorsement(), "lifecycle": c.Lifecycle(), "blocks": c.BlockQuorum()})
	}
	tw := tabwriter.NewWriter(l.Out, 0, 0, 2, ' ', 0)
	for _, m := range members {
		state := "since " + dayOf(m.JoinedMS)
		if m.Ended != nil {
			state = m.Ended.Why + " on " + dayOf(m.Ended.TimeMS)
			if c.Has(m.MSP) {
				state += ", still on the channel"
			}
		}
		kind := "node"
		switch {
		case !m.HasPeer():
			kind = "client"
		case m.Operator:
			kind = "operator"
		}
		api := ""
		if m.Endpoints != nil {
			api = m.Endpoints.API
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", m.Name, m.DisplayName, kind, state, api)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(l.Out, "endorsed by %s; chaincode agreed on by %s\n", c.Endorsement(), c.Lifecycle())
	for _, p := range proposals {
		if p.State != ledger.ProposalOpen {
			continue
		}
		of := cmp.Or(p.Name, p.Root)
		if p.Member != nil {
			of = p.Member.Name
		}
		var yes []string
		for _, v := range p.Votes {
			if v.Yes {
				yes = append(yes, v.By)
			}
		}
		fmt.Fprintf(l.Out, "proposed on %s: %s %s; yes of %s\n", dayOf(p.TimeMS), p.Act, of, strings.Join(yes, ", "))
	}
	return nil
}

func dayOf(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.DateOnly) }
