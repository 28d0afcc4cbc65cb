package adversary

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/trackseal/trackseal/api/internal/bundle"
	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/testkit"
)

// who is an identity: of an organisation, with the role in its certificate.
type who struct{ org, role string }

func (w who) msp() string { return testkit.MSPOf(w.org) }

// chain is the ledger that trips are played on.
type chain interface {
	bundle.Ledger
	nowMS() int64
	// until waits for a time.
	until(ctx context.Context, ms int64) error
	// endorse has a transaction endorsed by a client whose clock is ahead by so much. An error means that peers or contract refuse.
	endorse(ctx context.Context, by who, aheadMS int64, fn ledger.Function, arg any) (pending, error)
	// order sends it. ErrInvalid means that the peers found it so.
	order(ctx context.Context, p pending) (ledger.Result, error)
	ask(ctx context.Context, by who, fn ledger.Function, arg any) ([]byte, error)
	policy() *evidence.Policy
}

// pending is an endorsed transaction.
type pending interface{ id() string }

// memory is a consortium in memory, whose peers run the contract. Its time is that of the trip.
type memory struct {
	evidencetest.Nodes
	rules  testkit.Rules
	beatMS int64
	seen   map[string]bool
}

func newMemory(rules testkit.Rules) *memory {
	m := &memory{Nodes: evidencetest.Nodes{Consortium: evidencetest.New(fabricproof.BFT)}, rules: rules, seen: map[string]bool{}}
	if err := m.submit(who{carrier, contract.Operator}, ledger.MemberFound, ledger.FoundArgs{Members: testkit.Founders}); err != nil {
		panic(err)
	}
	return m
}

func (m *memory) nowMS() int64 { return m.NowMS }

func (m *memory) until(ctx context.Context, ms int64) error {
	m.NowMS = max(m.NowMS, ms)
	return ctx.Err()
}

func (m *memory) policy() *evidence.Policy { return m.Policy() }

// beat is what the members' nodes do by themselves: renew the beat every 30 s. Only those renewals are made that something meets.
func (m *memory) beat() error {
	if m.NowMS-m.beatMS < ledger.BeatEveryMS {
		return nil
	}
	now := m.NowMS
	defer func() { m.NowMS = now }()
	if m.beatMS > 0 {
		m.NowMS -= (now - m.beatMS) % ledger.BeatEveryMS
	}
	err := m.submit(who{"auditor", contract.Operator}, ledger.BeatRenew, ledger.NoArgs{})
	if ledger.CodeOf(err) == ledger.Conflict {
		return nil
	}
	return err
}

func (m *memory) submit(by who, fn ledger.Function, arg any) error {
	tx, err := m.run(by, 0, fn, arg)
	if err != nil {
		return err
	}
	_, err = m.commit(tx)
	return err
}

type endorsed struct {
	*evidencetest.Tx
	payload []byte
}

func (e *endorsed) id() string { return e.ID }

// state is what a running transaction sees.
type state struct{ *evidencetest.Sim }

func (s state) Get(key string) ([]byte, error) { return s.Sim.Get(key), nil }

func (s state) Page(prefix, start string, limit int) ([]contract.Record, string, error) {
	return contract.Map(s.Committed()).Page(prefix, start, limit)
}

func (m *memory) run(by who, aheadMS int64, fn ledger.Function, arg any) (*endorsed, error) {
	out := &endorsed{}
	body, err := ledger.Encode(arg)
	if err != nil {
		return nil, err
	}
	private, err := ledger.PrivateOf(arg)
	if err != nil {
		return nil, err
	}
	out.Tx, err = m.Endorse(m.Org(by.org), m.NowMS+aheadMS, fn, arg, func(s *evidencetest.Sim) error {
		a, err := m.rules(state{s}, contract.Call{Channel: ledger.Channel, Tx: s.ID, TimeMS: s.TimeMS, MSP: by.msp(), Role: by.role, Subject: "CN=" + by.org, Issuer: "CN=ca." + by.org, Cert: fmt.Sprintf("%064x", 1), Private: string(private)}, fn.Name(), body)
		out.payload = a.Payload
		for _, w := range a.Writes {
			s.Writes = append(s.Writes, fabricproof.Write{Namespace: ledger.Chaincode, Key: w.Key, Value: w.Value})
		}
		return err
	})
	return out, err
}

// Peers compare the time with their clocks when they endorse.
func (m *memory) endorse(_ context.Context, by who, aheadMS int64, fn ledger.Function, arg any) (pending, error) {
	if aheadMS > ledger.SkewMS || -aheadMS > ledger.SkewMS {
		return nil, errors.New("request unauthorized due to incorrect timestamp")
	}
	if err := m.beat(); err != nil {
		return nil, err
	}
	return m.run(by, aheadMS, fn, arg)
}

func (m *memory) order(_ context.Context, p pending) (ledger.Result, error) {
	if err := m.beat(); err != nil {
		return ledger.Result{}, err
	}
	return m.commit(p.(*endorsed))
}

const duplicate, readConflict = 9, 11

func (m *memory) commit(e *endorsed) (ledger.Result, error) {
	tx := *e.Tx
	switch {
	case m.seen[tx.ID]:
		tx.Code = duplicate
	case m.Stale(&tx):
		tx.Code = readConflict
	}
	m.seen[tx.ID] = true
	p := m.Order(&tx)
	m.Cut()
	if tx.Code != 0 {
		return ledger.Result{}, &ledger.StageError{Stage: ledger.StageCommit, TxID: tx.ID, Code: int32(tx.Code), Err: ledger.ErrInvalid}
	}
	if i := slices.IndexFunc(tx.Writes, func(w fabricproof.Write) bool { return w.Key == ledger.BeatKey() }); i >= 0 {
		var b ledger.Beat
		if err := ledger.Decode(tx.Writes[i].Value, &b); err != nil {
			return ledger.Result{}, err
		}
		m.beatMS = b.TimeMS
	}
	return ledger.Result{TxID: tx.ID, Block: p.Block, Payload: e.payload}, nil
}

func (m *memory) ask(_ context.Context, by who, fn ledger.Function, arg any) ([]byte, error) {
	e, err := m.run(by, 0, fn, arg)
	if err != nil {
		return nil, err
	}
	return e.payload, nil
}

// Evaluate and EvaluateAt ask as the carrier's node.
func (m *memory) Evaluate(ctx context.Context, fn string, arg any) ([]byte, error) {
	return m.ask(ctx, who{carrier, contract.Operator}, named(fn), arg)
}

func (m *memory) EvaluateAt(ctx context.Context, _, fn string, arg any) ([]byte, error) {
	return m.Evaluate(ctx, fn, arg)
}

type named string

func (n named) Name() string { return string(n) }
