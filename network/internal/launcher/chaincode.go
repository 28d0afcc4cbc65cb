package launcher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/network/internal/ccpackage"
	"github.com/trackseal/trackseal/network/internal/fabriccli"
	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/render"
	"github.com/trackseal/trackseal/network/internal/steps"
	"github.com/trackseal/trackseal/network/internal/topology"
	"golang.org/x/sync/errgroup"
)

// startChaincode packages, installs, approves and commits the chaincode, starts one server per organisation, and waits until
// every peer reaches its own. program overrides the checkout's chaincode.
//
// What runs is the program that the definition in force names, when the folder has a copy of it: a new program is agreed on first, and
// runs once enough organisations agree, so that peers do not answer by different rules for longer than their restarts take.
func (l *Launcher) startChaincode(program string) func(context.Context, func(string)) (string, error) {
	return func(ctx context.Context, note func(string)) (string, error) {
		program, ok := l.chaincodeProgram(program)
		if !ok {
			return "left out: there is no chaincode program", nil
		}
		program, hash, err := l.keepChaincode(program)
		if err != nil {
			return "", err
		}
		ids := map[topology.Org]string{}
		nodes := l.Stack.Nodes()
		for _, o := range nodes {
			if ids[o], err = l.packageChaincode(o); err != nil {
				return "", err
			}
		}
		var sequence int
		var version string
		err = l.eager(ctx, topology.PeerProcess(l.speaker()), func() (err error) {
			sequence, version, err = l.committed(ctx)
			return err
		})
		if err != nil {
			return "", err
		}
		if err := l.fits(version, hash); err != nil {
			return "", err
		}
		note(fmt.Sprintf("installing the chaincode on %d peers", len(nodes)))
		var started counter
		setUp := version != ""
		run := func(ctx context.Context, o topology.Org, version string) error {
			spec, err := l.chaincodeSpec(o, l.agreedProgram(version, program), ids[o])
			if err != nil {
				return err
			}
			return l.run(ctx, &started, spec, setUp)
		}
		g, gctx := errgroup.WithContext(ctx)
		for _, o := range nodes {
			g.Go(func() error { return run(gctx, o, version) })
			g.Go(func() error { return l.installChaincode(gctx, o, ids[o]) })
		}
		if err := g.Wait(); err != nil {
			return "", err
		}
		note("agreeing on the chaincode's definition")
		agreed, said, err := l.define(ctx, ids, sequence, version, hash)
		if err != nil {
			return "", err
		}
		if agreed != version {
			for _, o := range nodes { // one after the other: the others answer meanwhile
				if err := run(ctx, o, agreed); err != nil {
					return "", err
				}
			}
		}
		if err := l.forgetChaincodes(hash, agreed); err != nil {
			return "", err
		}
		if !setUp { // later they are waited for at the end
			note("waiting for the chaincode's first answers")
			if err := l.answers(ctx); err != nil {
				return "", err
			}
		}
		return started.of(len(nodes)) + said, nil
	}
}

// chaincodeProgram is the program given, else the checkout's; false when there is no such file.
func (l *Launcher) chaincodeProgram(given string) (program string, ok bool) {
	if program = given; program == "" {
		program = l.Stack.Program("chaincode")
	}
	_, err := os.Stat(program)
	return program, err == nil
}

// packageChaincode writes an organisation's package: where its own chaincode server listens, and how both prove who they are.
// One that exists stays: the organisation approved its id, which another compressor would change.
func (l *Launcher) packageChaincode(o topology.Org) (id string, err error) {
	if data, err := os.ReadFile(l.Stack.Package(o)); err == nil {
		return ccpackage.ID(topology.Chaincode, data), nil
	}
	read := func(name string) string {
		data, e := os.ReadFile(filepath.Join(l.Stack.ChaincodeTLSDir(o), name))
		if e != nil && err == nil {
			err = e
		}
		return string(data)
	}
	root, e := os.ReadFile(l.Stack.TLSCACert(o))
	if e != nil {
		return "", e
	}
	c := ccpackage.Connection{
		Address: l.Stack.Addr(topology.ChaincodeProcess(o)), DialTimeout: "10s",
		TLSRequired: true, ClientAuthRequired: true,
		ClientCert: read("client.crt"), ClientKey: read("client.key"), RootCert: string(root),
	}
	if err != nil {
		return "", err
	}
	data, err := ccpackage.Build(topology.Chaincode, c)
	if err != nil {
		return "", err
	}
	return ccpackage.ID(topology.Chaincode, data), l.write(l.Stack.Package(o), data)
}

func (l *Launcher) installChaincode(ctx context.Context, o topology.Org, id string) error {
	process := topology.PeerProcess(o)
	return l.nodeMark(process, "installed").Once(id, func() error {
		// A peer that died while it kept the build would refuse it for ever.
		build := filepath.Join(l.Stack.NodeData(process), "externalbuilder", "builds", strings.ReplaceAll(id, ":", "-"))
		if _, err := os.Stat(filepath.Join(build, "build-info.json")); err != nil {
			if err := os.RemoveAll(build); err != nil {
				return err
			}
		}
		_, err := l.fabric(ctx, l.admin(o).Install(l.Stack.Package(o)))
		if err != nil && !fabriccli.Said(err, "already successfully installed") {
			return fmt.Errorf("%s: %w", process, err)
		}
		return nil
	})
}

// answers waits until every peer reaches its chaincode server, by a call that every contract answers.
func (l *Launcher) answers(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, o := range l.onChannel() {
		key := ""
		for _, process := range []string{topology.ChaincodeProcess(o), topology.PeerProcess(o)} {
			r, err := l.table.Lookup(process)
			if err != nil {
				return fmt.Errorf("%s has ended: see %s", process, l.Stack.Log(process))
			}
			key += fmt.Sprintf("-%d-%s", r.PID, r.Start)
		}
		g.Go(func() error {
			return l.nodeMark(topology.PeerProcess(o), "answered").Once(key[1:], func() error {
				call := l.admin(o).Query(topology.Channel, topology.Chaincode, `{"Args":["anchor:Heads","{}"]}`)
				return retry(ctx, 60*time.Second, func() error {
					_, err := l.fabric(ctx, call)
					if err != nil {
						return fmt.Errorf("%s: %w", topology.PeerProcess(o), err)
					}
					return nil
				})
			})
		})
	}
	return g.Wait()
}

// reachChaincode is answers for a stack that is set up: its error is ErrNotReady.
func (l *Launcher) reachChaincode(ctx context.Context, program string) error {
	if _, ok := l.chaincodeProgram(program); !ok {
		return nil
	}
	if err := l.answers(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrNotReady, err)
	}
	return nil
}

// order repeats a call that has a transaction ordered: young orderers have no leader yet and young peers no blocks, and a wrong
// call stays wrong until the limit of the repetitions. It names the organisation's own orderer first and another one at every
// repetition: one that complains about its leader on its own accepts transactions and orders none.
func (l *Launcher) order(ctx context.Context, first topology.Org, call func(fabriccli.Orderer) error) error {
	known, err := l.known()
	if err != nil {
		return err
	}
	all := known.Orderers
	if len(all) == 0 {
		return errors.New("no orderer is known: the folder has not joined a channel")
	}
	i := max(0, slices.IndexFunc(all, func(n render.Node) bool { return n.Org == first }))
	return retry(ctx, 90*time.Second, func() error {
		o := all[i%len(all)]
		i++
		return call(fabriccli.Orderer{Address: o.Address, CAFile: o.TLSRoots})
	})
}

func (l *Launcher) chaincodeSpec(o topology.Org, program, id string) (proc.Spec, error) {
	name := topology.ChaincodeProcess(o)
	tls := l.Stack.ChaincodeTLSDir(o)
	return reading(proc.Spec{
		Name: name, Path: program, Dir: l.Stack.FabricDir(), Log: l.Stack.Log(name),
		Args: []string{
			"--listen", l.Stack.Addr(name), "--id", id,
			"--tls-cert", filepath.Join(tls, "server.crt"), "--tls-key", filepath.Join(tls, "server.key"),
			"--client-ca", l.Stack.TLSCACert(o),
		},
		Ready: proc.Probe{TLS: l.Stack.Addr(name)},
		Live:  proc.Probe{TLS: l.Stack.Addr(name)},
	}, program, filepath.Join(tls, "server.crt"))
}

// speaker is the member of the folder that does once what one has to do for all.
func (l *Launcher) speaker() topology.Org {
	if on := l.onChannel(); len(on) > 0 {
		return on[0]
	}
	return l.Stack.Nodes()[0]
}

// foundedMark says that the ledger is set up: the chaincode answers, and the members are known.
func (l *Launcher) foundedMark() steps.Mark {
	return l.nodeMark(topology.PeerProcess(l.speaker()), "founded")
}

// foundMembers tells the ledger who its first members are. The mark is written after the effect: when a crash came between, the
// ledger says that it is founded.
func (l *Launcher) foundMembers(program string) func(context.Context, func(string)) (string, error) {
	return func(ctx context.Context, _ func(string)) (string, error) {
		if _, ok := l.chaincodeProgram(program); !ok {
			return "left out: there is no chaincode program", nil
		}
		call, err := l.foundingCall()
		if err != nil {
			return "", err
		}
		state := "kept"
		err = l.foundedMark().Once("1", func() error {
			state = "founded"
			endorsers, err := l.endorsers()
			if err != nil {
				return err
			}
			as := l.admin(l.speaker())
			as.MSPDir = l.Stack.UserMSPDir(l.speaker(), topology.OperatorUser)
			return l.order(ctx, l.speaker(), func(orderer fabriccli.Orderer) error {
				_, err := l.fabric(ctx, as.Invoke(orderer, topology.Channel, topology.Chaincode, call, endorsers))
				if fabriccli.Said(err, "["+string(ledger.Exists)+"]") {
					return nil
				}
				return err
			})
		})
		return state, err
	}
}

// foundingCall is the call of member:Found that names the founders.
func (l *Launcher) foundingCall() (string, error) {
	var args ledger.FoundArgs
	for _, o := range l.Stack.Founders() {
		m := l.Stack.Member(o)
		args.Members = append(args.Members, ledger.Founder{Name: string(o), MSP: o.MSP(), DisplayName: m.DisplayName, Operator: m.Ingest})
	}
	slices.SortFunc(args.Members, func(a, b ledger.Founder) int { return strings.Compare(a.Name, b.Name) })
	if err := args.Validate(); err != nil {
		return "", err
	}
	arg, err := ledger.Encode(args)
	if err != nil {
		return "", err
	}
	call, err := json.Marshal(map[string][]string{"Args": {ledger.MemberFound.Name(), string(arg)}})
	return string(call), err
}
