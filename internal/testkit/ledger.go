// Package testkit holds the fakes and the suites that the tests of several programs share.
package testkit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Rules run one transaction on a state: contract.Run, or something around it.
type Rules func(s contract.State, c contract.Call, fn string, arg []byte) (contract.Answer, error)

// Ledger is the contract on a map, with the method set of fabric.Client: it runs transactions as one organisation, makes one
// block of each, and fails on demand. Several organisations share one ledger through As. Safe for concurrent use.
type Ledger struct {
	// Faults is shared by all organisations of a ledger.
	*Faults
	chain *chain
	msp   string
	role  string
	once  *sync.Once
	done  chan struct{} // closed by Close
}

// NewLedger is a ledger that knows the Founders and nothing else, seen by the organisation msp ("CarrierMSP"). now is the clock of its transactions; nil
// means time.Now.
func NewLedger(msp string, now func() time.Time) *Ledger {
	return NewLedgerWith(contract.Run, msp, now)
}

// NewLedgerWith is NewLedger with other rules than contract.Run.
func NewLedgerWith(rules Rules, msp string, now func() time.Time) *Ledger {
	if now == nil {
		now = time.Now
	}
	return (&Ledger{Faults: newFaults(), chain: newChain(rules, now)}).As(msp)
}

// As is the same ledger seen by another organisation. Its identity has whatever role a transaction needs.
func (l *Ledger) As(msp string) *Ledger { return l.AsRole(msp, "") }

// AsRole is the same ledger seen by an identity that may do only what its role allows, contract.Operator or contract.Ingest.
func (l *Ledger) AsRole(msp, role string) *Ledger {
	return &Ledger{Faults: l.Faults, chain: l.chain, msp: msp, role: role, once: new(sync.Once), done: make(chan struct{})}
}

// call is what a peer gets of a transaction: the argument, and the caller with a made-up certificate, one for each organisation.
func (l *Ledger) call(fn string, arg any) (contract.Call, []byte, error) {
	cert := sha256.Sum256([]byte(l.msp))
	who := contract.Call{MSP: l.msp, Role: l.role, Subject: "CN=api,OU=client", Issuer: "CN=ca." + strings.ToLower(strings.TrimSuffix(l.msp, "MSP")), Cert: hex.EncodeToString(cert[:])}
	if roles := contract.Roles(fn); who.Role == "" && len(roles) > 0 {
		who.Role = roles[0]
	}
	body, err := json.Marshal(arg)
	if err == nil {
		var private []byte
		private, err = ledger.PrivateOf(arg)
		who.Private = string(private)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", fn, err)
	}
	return who, body, err
}

// Close ends this organisation's streams; the ledger lives on.
func (l *Ledger) Close() {
	l.once.Do(func() { close(l.done) })
}

// MSP is the caller's MSP id.
func (l *Ledger) MSP() string { return l.msp }

// Submit runs a transaction. See fabric.Client.Submit for its errors; Faults makes them happen.
func (l *Ledger) Submit(ctx context.Context, fn string, arg any) (ledger.Result, error) {
	if err := l.gate(ctx, l.msp, fn); err != nil {
		return ledger.Result{}, err
	}
	if l.isDown() {
		return ledger.Result{}, &ledger.StageError{Stage: ledger.StageEndorse, Err: ledger.ErrUnavailable}
	}
	who, body, err := l.call(fn, arg)
	if err != nil {
		return ledger.Result{}, err
	}
	fault := l.next(fn)
	if fault != nil && !fault.applied {
		tx := ""
		if fault.stage == ledger.StageCommit {
			tx = l.chain.newTxID()
			if errors.Is(fault.err, ledger.ErrInvalid) {
				l.chain.invalid(tx, fault.code)
			}
		}
		return ledger.Result{}, fault.error(tx)
	}
	result, err := l.chain.run(who, fn, body, true)
	if err != nil {
		return ledger.Result{}, err
	}
	if fault != nil {
		return ledger.Result{}, fault.error(result.TxID)
	}
	return result, nil
}

// Evaluate runs a transaction and writes nothing.
func (l *Ledger) Evaluate(ctx context.Context, fn string, arg any) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if l.isDown() {
		return nil, &ledger.StageError{Stage: ledger.StageEndorse, Err: ledger.ErrUnavailable}
	}
	who, body, err := l.call(fn, arg)
	if err != nil {
		return nil, err
	}
	result, err := l.chain.run(who, fn, body, false)
	return result.Payload, err
}

// PeerOrgs are the founders: each has a peer.
func (l *Ledger) PeerOrgs() []string {
	var orgs []string
	for _, f := range Founders {
		orgs = append(orgs, f.Name)
	}
	return orgs
}

// EvaluateAt is Evaluate: every organisation holds the same.
func (l *Ledger) EvaluateAt(ctx context.Context, org, fn string, arg any) ([]byte, error) {
	if MSPOf(org) == "" {
		return nil, fmt.Errorf("organisation %q has no peer", org)
	}
	return l.Evaluate(ctx, fn, arg)
}

// Events delivers events from block from on until ctx ends, Close is called or handle fails. After Faults.BreakEvents the
// newest block is delivered again, as a reconnecting client may.
func (l *Ledger) Events(ctx context.Context, from uint64, handle func(ledger.Event) error, atHead func(height uint64)) error {
	broken := l.breaks.Load()
	told := false
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.done:
			return errors.New("client is closed")
		default:
		}
		if n := l.breaks.Load(); n != broken {
			broken, told = n, false
			if from > 0 {
				from--
			}
		}
		if up := l.downUntil(); up != nil {
			select {
			case <-ctx.Done():
			case <-l.done:
			case <-up:
			}
			continue
		}
		blocks, height, changed := l.chain.since(from)
		for _, b := range blocks {
			for _, e := range b.events() {
				if err := handle(e); err != nil {
					return err
				}
			}
			from, told = b.number+1, false
		}
		if len(blocks) == 0 {
			if !told && atHead != nil {
				atHead(height)
			}
			told = true
			select {
			case <-ctx.Done():
			case <-l.done:
			case <-changed:
			}
		}
	}
}

// TxStatus looks a transaction up.
func (l *Ledger) TxStatus(ctx context.Context, txID string) (found bool, code int32, block uint64, err error) {
	if err := ctx.Err(); err != nil {
		return false, 0, 0, err
	}
	if l.isDown() {
		return false, 0, 0, ledger.ErrUnavailable
	}
	b := l.chain.byTx(txID)
	if b == nil {
		return false, 0, 0, nil
	}
	return true, b.code, b.number, nil
}

// BlockByTx returns bytes that name the block; they are not a common.Block.
func (l *Ledger) BlockByTx(ctx context.Context, txID string) ([]byte, error) {
	found, _, block, err := l.TxStatus(ctx, txID)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, &ledger.Error{Code: ledger.NotFound, Message: "transaction " + txID + " is not on the ledger"}
	}
	return fmt.Appendf(nil, "fake block %d holds %s", block, txID), nil
}

// Network answers one peer and one orderer per organisation.
func (l *Ledger) Network(ctx context.Context) ([]ledger.Node, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	up, height := !l.isDown(), l.Height()
	trouble := ""
	if !up {
		height, trouble = 0, ledger.ErrUnavailable.Error()
	}
	var nodes []ledger.Node
	for _, o := range Founders {
		for _, role := range []string{"peer", "orderer"} {
			nodes = append(nodes, ledger.Node{Org: o.Name, Role: role, Address: role + "." + o.Name + ".test:7050", Up: up, Height: height, Error: trouble})
		}
	}
	return nodes, nil
}

// StopBeat makes the ledger's nodes stop renewing its beat, which they do unasked otherwise.
func (l *Ledger) StopBeat() {
	l.chain.mu.Lock()
	defer l.chain.mu.Unlock()
	l.chain.still = true
}

// Height is the number of blocks.
func (l *Ledger) Height() uint64 { return l.chain.height() }

// Count is how many valid transactions of fn are on the ledger; nil counts all.
func (l *Ledger) Count(fn ledger.Function) int {
	if fn == nil {
		return l.chain.count("")
	}
	return l.chain.count(fn.Name())
}
