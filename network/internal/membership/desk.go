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
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/network/internal/channelconfig"
	"github.com/trackseal/trackseal/network/internal/fabriccli"
)

// Desk is where a member decides about others: at its own peer, with its own identities.
type Desk struct {
	Name, MSP string
	Admin     fabriccli.Admin  // signs the channel's configuration
	Operator  fabriccli.Admin  // the identity with the role operator, who votes on the ledger
	Orderer   *fabriccli.Admin // administrator of its orderer organisation; nil when it runs none
	Channel   string
	Chaincode string
	Dir       string // for the files that Fabric's programs read and write; it exists, and is this desk's alone

	// Run runs one of Fabric's programs.
	Run func(context.Context, fabriccli.Call) ([]byte, error)
	// Order repeats a call that has a transaction ordered, with another orderer each time, until it is nil or it takes too long.
	Order func(context.Context, func(fabriccli.Orderer) error) error
}

func (d Desk) file(name string) string { return filepath.Join(d.Dir, name) }

// Configuration is the channel's newest one, as the own peer has it, or an orderer that is named.
func (d Desk) Configuration(ctx context.Context, from ...fabriccli.Orderer) (channelconfig.Config, error) {
	if _, err := d.Run(ctx, d.Admin.Fetch(d.Channel, "config", d.file("config.block"), from...)); err != nil {
		return channelconfig.Config{}, err
	}
	data, err := d.decode(ctx, "common.Block", "config.block")
	if err != nil {
		return channelconfig.Config{}, err
	}
	return channelconfig.FromBlock(data)
}

// decode reads a message of a file as JSON.
func (d Desk) decode(ctx context.Context, kind, name string) ([]byte, error) {
	if _, err := d.Run(ctx, fabriccli.Decode(kind, d.file(name), d.file(name+".json"))); err != nil {
		return nil, err
	}
	return os.ReadFile(d.file(name + ".json"))
}

// update is what leads from one configuration to the next: the bytes that are signed, and the same as JSON.
func (d Desk) update(ctx context.Context, now, next channelconfig.Config) (update, text []byte, err error) {
	for name, c := range map[string]channelconfig.Config{"now": now, "next": next} {
		data, err := c.JSON()
		if err != nil {
			return nil, nil, err
		}
		if err := os.WriteFile(d.file(name+".json"), data, 0o600); err != nil {
			return nil, nil, err
		}
		if _, err := d.Run(ctx, fabriccli.Encode("common.Config", d.file(name+".json"), d.file(name))); err != nil {
			return nil, nil, err
		}
	}
	if _, err := d.Run(ctx, fabriccli.ComputeUpdate(d.Channel, d.file("now"), d.file("next"), d.file("update"))); err != nil {
		return nil, nil, err
	}
	if update, err = os.ReadFile(d.file("update")); err != nil {
		return nil, nil, err
	}
	text, err = d.decode(ctx, "common.ConfigUpdate", "update")
	return update, text, err
}

// says is an update that somebody made, as JSON.
func (d Desk) says(ctx context.Context, update []byte) ([]byte, error) {
	if err := os.WriteFile(d.file("theirs"), update, 0o600); err != nil {
		return nil, err
	}
	return d.decode(ctx, "common.ConfigUpdate", "theirs")
}

// sign gives this member's signatures of an update: its administrator's, and that of its orderer's administrator. They go to the ledger
// as one JSON list, which nothing there reads.
func (d Desk) sign(ctx context.Context, update []byte) ([]byte, error) {
	file := d.file("signed")
	if err := os.WriteFile(file, channelconfig.Envelope(d.Channel, update, nil), 0o600); err != nil {
		return nil, err
	}
	signers := []fabriccli.Admin{d.Admin}
	if d.Orderer != nil {
		signers = append(signers, *d.Orderer)
	}
	for _, s := range signers {
		if _, err := d.Run(ctx, s.SignUpdate(file)); err != nil {
			return nil, err
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	signed, signatures, err := channelconfig.Signatures(data)
	if err == nil && !slices.Equal(signed, update) {
		err = errors.New("the peer program signed another update than it was given")
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(signatures)
}

// ErrSignatures is why a majority of the members is not enough: the channel counts who has left and is still on it, and one that goes with an
// orderer needs most of the founders', too.
var ErrSignatures = errors.New("the channel asks for the administrators of more members: of most that are on it, and when an orderer goes of most that run one")

// change submits an update with the signatures of all who agreed, and ends when the own peer has the next configuration.
func (d Desk) change(ctx context.Context, p ledger.MemberProposal, done func(channelconfig.Config) bool) error {
	var all [][]byte
	for _, v := range p.Votes {
		if !v.Yes || len(v.Signature) == 0 {
			continue
		}
		var of [][]byte
		if err := json.Unmarshal(v.Signature, &of); err != nil {
			continue // somebody else's mistake: the others' may do
		}
		if v.By == d.MSP && len(of) > 0 {
			of = of[1:] // Fabric's program adds that of who submits
		}
		all = append(all, of...)
	}
	file := d.file("envelope")
	if err := os.WriteFile(file, channelconfig.Envelope(d.Channel, p.Update, all), 0o600); err != nil {
		return err
	}
	var refused error
	err := d.Order(ctx, func(o fabriccli.Orderer) error {
		_, err := d.Run(ctx, d.Admin.Update(o, d.Channel, file))
		if fabriccli.Said(err, "BAD_REQUEST") || fabriccli.Said(err, "FORBIDDEN") {
			refused = err // and stays so
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	return d.await(ctx, done, refused)
}

// NameMembers has the policies of a channel that was founded before members could join name them, by the signatures of these members.
func NameMembers(ctx context.Context, by []Desk) error {
	c, err := by[0].Configuration(ctx)
	if err != nil || c.NamesMembers() {
		return err
	}
	next, err := c.Follow()
	if err != nil {
		return err
	}
	var p ledger.MemberProposal
	if p.Update, _, err = by[0].update(ctx, c, next); err != nil {
		return err
	}
	for _, d := range by {
		signature, err := d.sign(ctx, p.Update)
		if err != nil {
			return err
		}
		p.Votes = append(p.Votes, ledger.MemberVote{By: d.MSP, Yes: true, Signature: signature})
	}
	return by[0].change(ctx, p, channelconfig.Config.NamesMembers)
}

// await looks at the own peer until it has the configuration. One that orderers refused may be in force all the same: they refuse what
// was submitted twice.
func (d Desk) await(ctx context.Context, done func(channelconfig.Config) bool, refused error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		c, err := d.Configuration(ctx)
		switch {
		case err == nil && done(c):
			return nil
		case fabriccli.Said(refused, "not satisfied"):
			return ErrSignatures
		case refused != nil:
			return fmt.Errorf("the orderers refuse the channel's update: %w", refused)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the channel's update was ordered, and the own peer does not have it yet: try again: %w", errors.Join(err, ctx.Err()))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Evaluate asks the own peer.
func (d Desk) Evaluate(ctx context.Context, fn string, arg any) ([]byte, error) {
	call, err := callOf(fn, arg)
	if err != nil {
		return nil, err
	}
	out, err := d.Run(ctx, d.Operator.Query(d.Channel, d.Chaincode, call))
	return out, refusal(err)
}

// submit has a transaction endorsed by as many peers as the channel asks for, the own one among them, and ordered. Which of the
// others are asked changes with every attempt: one that is away keeps nobody from deciding.
func (d Desk) submit(ctx context.Context, fn string, arg ledger.Argument) error {
	if err := arg.Validate(); err != nil {
		return err
	}
	call, err := callOf(fn, arg)
	if err != nil {
		return err
	}
	c, err := d.Configuration(ctx)
	if err != nil {
		return err
	}
	own, others, err := d.endorsers(c)
	if err != nil {
		return err
	}
	attempt := 0
	var refused error
	err = d.Order(ctx, func(o fabriccli.Orderer) error {
		some := own
		for i := range min(len(others), c.Endorsers()-1) {
			some = append(some, others[(attempt+i)%len(others)])
		}
		attempt++
		_, err := d.Run(ctx, d.Operator.Invoke(o, d.Channel, d.Chaincode, call, some))
		err = refusal(err)
		if code := ledger.CodeOf(err); code != "" && code != ledger.NoBeat {
			refused = err
			return nil
		}
		return err
	})
	return errors.Join(err, refused)
}

// endorsers are the own peer, and all others'.
func (d Desk) endorsers(c channelconfig.Config) (own, others []fabriccli.Endorser, err error) {
	members, err := c.Members()
	if err != nil {
		return nil, nil, err
	}
	for _, m := range members {
		if m.MSP == d.MSP {
			own = append(own, fabriccli.Endorser{Address: d.Operator.Address, TLSRoot: d.Operator.TLSRoot})
			continue
		}
		if len(m.Addresses) == 0 {
			continue
		}
		root := d.file(m.MSP + ".pem")
		if err := os.WriteFile(root, []byte(m.TLSRoots), 0o600); err != nil {
			return nil, nil, err
		}
		others = append(others, fabriccli.Endorser{Address: m.Addresses[0], TLSRoot: root})
	}
	return slices.Clip(own), others, nil
}

// callOf is the JSON of a transaction's call, as Fabric's program takes it.
func callOf(fn string, arg any) (string, error) {
	text, err := ledger.Encode(arg)
	if err != nil {
		return "", err
	}
	call, err := json.Marshal(map[string][]string{"Args": {fn, string(text)}})
	return string(call), err
}

// refusal is what the chaincode said, when it was the chaincode.
func refusal(err error) error {
	if e, ok := errors.AsType[*fabriccli.Error](err); ok {
		if r := ledger.ParseError(e.Output); r != nil {
			r.Message = strings.TrimSuffix(r.Message, `"`) // Fabric's program prints it within quotes
			return r
		}
	}
	return err
}
