package membership

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/testkit"
	"github.com/trackseal/trackseal/network/internal/channelconfig"
	"github.com/trackseal/trackseal/network/internal/fabriccli"
)

// channel is a channel in memory: its configuration, which a majority of the members' administrators changes, and the real contract. It answers
// as Fabric's programs do; what these keep as protobuf is JSON here.
type channel struct {
	t      *testing.T
	config channelconfig.Config
	state  contract.Map
	tx     int
	crash  string // the call that begins with it fails once, before its effect
}

func newChannel(t *testing.T) *channel {
	t.Helper()
	data, err := os.ReadFile("../channelconfig/testdata/bft.json")
	if err != nil {
		t.Fatal(err)
	}
	c := &channel{t: t, state: contract.Map{}}
	if c.config, err = channelconfig.FromBlock(data); err != nil {
		t.Fatal(err)
	}
	if _, err := c.contract("CarrierMSP", ledger.MemberFound.Name(), must(t, ledger.FoundArgs{Members: testkit.Founders})); err != nil {
		t.Fatal(err)
	}
	return c
}

func must(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (c *channel) contract(msp, fn string, arg []byte) ([]byte, error) {
	c.tx++
	a, err := contract.Run(c.state, contract.Call{Channel: "trackseal", Tx: fmt.Sprint(c.tx), TimeMS: int64(c.tx), MSP: msp, Role: contract.Operator}, fn, arg)
	if err == nil {
		c.state.Commit(a)
	}
	return a.Payload, err
}

// desk of a member.
func (c *channel) desk(name string) Desk {
	msp := strings.ToUpper(name[:1]) + name[1:] + "MSP"
	return Desk{
		Name: name, MSP: msp, Admin: fabriccli.Admin{MSP: msp}, Operator: fabriccli.Admin{MSP: msp}, Channel: "trackseal", Chaincode: "trackseal", Dir: c.t.TempDir(),
		Run:   func(_ context.Context, call fabriccli.Call) ([]byte, error) { return c.run(msp, call) },
		Order: func(_ context.Context, do func(fabriccli.Orderer) error) error { return do(fabriccli.Orderer{}) },
	}
}

// update is what configtxlator computes.
type update struct {
	From string          `json:"from"`
	To   json.RawMessage `json:"to"`
}

func (c *channel) run(msp string, call fabriccli.Call) ([]byte, error) {
	words := call.Program + " " + strings.Join(call.Args, " ")
	if c.crash != "" && strings.HasPrefix(words, c.crash) {
		c.crash = ""
		return nil, errors.New("killed")
	}
	flag := func(name string) string {
		i := slices.Index(call.Args, name)
		if i < 0 {
			c.t.Fatalf("%s has no %s", words, name)
		}
		return call.Args[i+1]
	}
	read := func(file string) []byte {
		data, err := os.ReadFile(file)
		if err != nil {
			c.t.Fatal(err)
		}
		return data
	}
	write := func(file string, data []byte) ([]byte, error) { return nil, os.WriteFile(file, data, 0o600) }
	said := func(text string) ([]byte, error) {
		return nil, &fabriccli.Error{Call: words, Output: text, Err: errors.New("exit status 1")}
	}
	now := must(c.t, c.config)
	switch {
	case strings.HasPrefix(words, "peer channel fetch config"):
		return write(call.Args[3], fmt.Appendf(nil, `{"data":{"data":[{"payload":{"data":{"config":%s}}}]}}`, now))
	case call.Program == "configtxlator" && call.Args[0] != "compute_update":
		return write(flag("--output"), read(flag("--input")))
	case call.Program == "configtxlator":
		return write(flag("--output"), must(c.t, update{string(read(flag("--original"))), read(flag("--updated"))}))
	case strings.HasPrefix(words, "peer channel signconfigtx"):
		u, signatures, err := channelconfig.Signatures(read(flag("-f")))
		if err != nil {
			c.t.Fatal(err)
		}
		return write(flag("-f"), channelconfig.Envelope("trackseal", u, append(signatures, []byte(msp))))
	case strings.HasPrefix(words, "peer channel update"):
		u, signatures, err := channelconfig.Signatures(read(flag("-f")))
		if err != nil {
			c.t.Fatal(err)
		}
		signers := map[string]bool{msp: true}
		for _, s := range signatures {
			signers[string(s)] = true
		}
		var next update
		if err := json.Unmarshal(u, &next); err != nil {
			c.t.Fatal(err)
		}
		members, err := c.config.Members()
		if err != nil {
			c.t.Fatal(err)
		}
		if next.From != string(now) || len(signers) < ledger.Majority(len(members)) {
			return said(fmt.Sprintf("got unexpected status: BAD_REQUEST -- %d signatures", len(signers)))
		}
		c.config, err = channelconfig.Parse(next.To)
		return nil, err
	case strings.HasPrefix(words, "peer chaincode"):
		var called struct{ Args []string }
		if err := json.Unmarshal([]byte(flag("-c")), &called); err != nil {
			c.t.Fatal(err)
		}
		out, err := c.contract(msp, called.Args[0], []byte(called.Args[1]))
		if err != nil {
			return said(`Error: endorsement failure during invoke. response: status:500 message:"` + err.Error() + `"`)
		}
		return out, nil
	}
	c.t.Fatalf("%s is not expected", words)
	panic("unreachable")
}

// approve has a member agree to the request.
func (c *channel) approve(name string, r Request, data []byte) Step {
	c.t.Helper()
	s, err := c.desk(name).Approve(c.t.Context(), r, data)
	if err != nil {
		c.t.Fatalf("%s: %v", name, err)
	}
	return s
}

func request(t *testing.T) (Request, []byte) {
	t.Helper()
	r, admin := asked(t)
	data := file(t, r, admin)
	r, err := ReadRequest(data, now)
	if err != nil {
		t.Fatal(err)
	}
	return r, data
}

func (c *channel) wantMember(name string, inForce, onChannel bool) {
	c.t.Helper()
	m, err := ledger.MemberGet.Ask(c.t.Context(), c.desk("carrier"), ledger.NameArgs{Name: name})
	if err != nil && ledger.CodeOf(err) != ledger.NotFound {
		c.t.Fatal(err)
	}
	has := err == nil && m.InForce()
	if is := c.config.Has(strings.ToUpper(name[:1]) + name[1:] + "MSP"); has != inForce || is != onChannel {
		c.t.Errorf("%s is a member: %t, want %t; on the channel: %t, want %t", name, has, inForce, is, onChannel)
	}
}

func TestMajorityAdmitsAndEvicts(t *testing.T) {
	c := newChannel(t)
	r, data := request(t)
	if s := c.approve("shipper", r, data); s.Did != "proposed" || s.Yes != 1 || s.Need != 3 || s.Executed {
		t.Errorf("the first: %+v", s)
	}
	if s := c.approve("shipper", r, data); s.Did != "agreed before" || s.Yes != 1 {
		t.Errorf("the first again: %+v", s)
	}
	c.approve("carrier", r, data)
	c.wantMember("haulier", false, false)
	if s := c.approve("auditor", r, data); s.Did != "voted" || s.Yes != 3 || !s.Executed {
		t.Errorf("the third: %+v", s)
	}
	c.wantMember("haulier", true, true)
	if s := c.approve("consignee", r, data); s.Did != "agreed before" || !s.Executed {
		t.Errorf("after it: %+v", s)
	}
	if got := c.config.Endorsers(); got != 3 {
		t.Errorf("with five members %d endorse, want 3", got)
	}

	// It leaves; its place on the channel is taken away by the others, whom there are four of.
	if err := c.desk("haulier").Leave(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if err := c.desk("haulier").Leave(t.Context(), true); err != nil {
		t.Fatalf("again: %v", err)
	}
	c.wantMember("haulier", false, true)
	for _, name := range []string{"carrier", "shipper", "auditor"} {
		if _, err := c.desk(name).Evict(t.Context(), "haulier"); err != nil {
			t.Fatal(err)
		}
	}
	c.wantMember("haulier", false, false)
	for _, name := range []string{"carrier", "auditor", "consignee"} {
		if _, err := c.desk(name).Evict(t.Context(), "shipper"); err != nil {
			t.Fatal(err)
		}
	}
	c.wantMember("shipper", false, false)
	if _, err := c.desk("carrier").Evict(t.Context(), "auditor"); !errors.Is(err, channelconfig.ErrOrderers) {
		t.Errorf("with three orderers left: %v, want ErrOrderers", err)
	}
}

// A channel of before, as this one is, gets its policies before anything refers to them.
func TestNameMembers(t *testing.T) {
	c := newChannel(t)
	if c.config.NamesMembers() {
		t.Fatal("the channel of before names its members")
	}
	desks := []Desk{c.desk("carrier"), c.desk("shipper"), c.desk("auditor")}
	for range 2 {
		if err := NameMembers(t.Context(), desks); err != nil {
			t.Fatal(err)
		}
		if got, want := c.config.Endorsement(), "2 of AuditorMSP, CarrierMSP, ConsigneeMSP, ShipperMSP"; got != want {
			t.Errorf("endorsement: got %s, expected %s", got, want)
		}
	}
}

// Whatever is not what a member derives itself, it does not sign.
func TestNobodySignsWhatHeDidNotDerive(t *testing.T) {
	for name, spoil := range map[string]func(p *ledger.ProposeMemberArgs){
		"another update": func(p *ledger.ProposeMemberArgs) {
			p.Update = append(slices.Clone(p.Update[:len(p.Update)-1]), []byte(`,"more":1}`)...)
		},
		"another request": func(p *ledger.ProposeMemberArgs) { p.Request = strings.Repeat("0", 64) },
		"another MSP":     func(p *ledger.ProposeMemberArgs) { p.Member.MSP = "StrangerMSP" },
	} {
		t.Run(name, func(t *testing.T) {
			c := newChannel(t)
			r, data := request(t)
			c.approve("shipper", r, data)
			honest, err := ledger.MemberProposals.All(t.Context(), c.desk("carrier"), "", 0)
			if err != nil || len(honest) != 1 {
				t.Fatalf("proposals: %+v %v", honest, err)
			}
			p := ledger.ProposeMemberArgs{ID: "shipper.spoilt", Act: ledger.Admit, Member: honest[0].Member, Request: honest[0].Request, Update: honest[0].Update, Signature: honest[0].Votes[0].Signature}
			spoil(&p)
			if _, err := c.contract("ShipperMSP", ledger.MemberWithdraw.Name(), must(t, ledger.IDArgs{ID: honest[0].ID})); err != nil {
				t.Fatal(err)
			}
			if _, err := c.contract("ShipperMSP", ledger.MemberPropose.Name(), must(t, p)); err != nil {
				t.Fatal(err)
			}
			if _, err := c.desk("carrier").Approve(t.Context(), r, data); !errors.Is(err, ErrOther) {
				t.Errorf("got %v, want ErrOther", err)
			}
			// Its proposer finds that it is not what it would propose, and proposes that.
			if s := c.approve("shipper", r, data); s.Did != "proposed" {
				t.Errorf("the proposer again: %+v", s)
			}
			c.approve("carrier", r, data)
			if s := c.approve("auditor", r, data); !s.Executed {
				t.Errorf("the third: %+v", s)
			}
		})
	}
}

// Wherever the third one dies, who comes next goes on.
func TestDecisionsSurviveCrashes(t *testing.T) {
	for _, crash := range []string{
		"peer channel fetch", "peer chaincode query", "configtxlator compute_update", "peer channel signconfigtx", "peer chaincode invoke", "peer channel update",
	} {
		for _, next := range []string{"auditor", "consignee"} {
			t.Run(filepath.Base(crash)+" "+next, func(t *testing.T) {
				c := newChannel(t)
				r, data := request(t)
				c.approve("shipper", r, data)
				c.approve("carrier", r, data)
				c.crash = crash
				if _, err := c.desk("auditor").Approve(t.Context(), r, data); err == nil {
					t.Fatal("it did not die")
				}
				if s := c.approve(next, r, data); !s.Executed {
					t.Errorf("who came next: %+v", s)
				}
				c.wantMember("haulier", true, true)
			})
		}
	}
	t.Run("between the channel and the record", func(t *testing.T) {
		c := newChannel(t)
		r, data := request(t)
		c.approve("shipper", r, data)
		c.approve("carrier", r, data)
		d := c.desk("auditor")
		run := d.Run
		d.Run = func(ctx context.Context, call fabriccli.Call) ([]byte, error) {
			if strings.Contains(strings.Join(call.Args, " "), ledger.MemberExecute.Name()) {
				return nil, errors.New("killed")
			}
			return run(ctx, call)
		}
		if _, err := d.Approve(t.Context(), r, data); err == nil {
			t.Fatal("it did not die")
		}
		c.wantMember("haulier", false, true)
		if s := c.approve("carrier", r, data); !s.Executed {
			t.Errorf("who came next: %+v", s)
		}
		c.wantMember("haulier", true, true)
	})
}
