package evidence

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/profile"
)

// Options of a verification.
type Options struct {
	// Nonce that the auditor gave when she asked for the bundle; every signed answer must carry it. Nil: not compared.
	Nonce []byte
	// Codec, if not nil, runs the codecs of profiles. Without it, what they made is not checked, and the report says so.
	Codec profile.Runner
	// Progress, if not nil, is called now and then with the number of leaves checked and in all.
	Progress func(done, total uint64)
}

// Verify checks a bundle against an auditor's policy. Its error is one of reading; what is wrong with the evidence is in
// the report. Checks go from the ledger inwards: configurations, blocks, transactions, their finality, the shipment's
// records, anchors, heads, leaves, messages, sequences, rules. A failure in what later checks build on ends the verification, and
// the questions that were not reached stay unknown.
func Verify(r io.Reader, policy *Policy, o Options) (*Report, error) {
	v, err := verify(r, policy, o)
	if err != nil {
		return nil, err
	}
	return v.report, nil
}

func verify(r io.Reader, policy *Policy, o Options) (*verifier, error) {
	v := &verifier{
		policy: policy, options: o, book: newBook(),
		txs: map[Position]*fabricproof.Transaction{}, newcomers: map[string]bool{}, blocks: map[uint64]*block{}, trackers: map[string]*tracker{},
	}
	v.report = &Report{
		Version: 1, Policy: hex.EncodeToString(policy.hash[:]), Required: policy.Require, Kind: WholeShipment,
		Facts: Facts{Logs: []LogFact{}, Trackers: []TrackerFact{}, Anchors: []AnchorFact{}, Configs: []uint64{}, Attested: []string{}},
	}
	err := v.run(r)
	var f *fabricproof.Fault
	if errors.As(err, &f) {
		v.book.add(Failure, f)
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the bundle: %w", err)
	}
	v.conclude()
	return v, nil
}

type verifier struct {
	policy  *Policy
	options Options
	book    *book
	report  *Report
	in      *Reader
	reached Question // the last question whose checks were all made

	chain     *fabricproof.Chain
	newcomers map[string]bool // organisations that joined and whose roots are not pinned
	blocks    map[uint64]*block
	txs       map[Position]*fabricproof.Transaction
	holds     map[Position]map[string]bool // organisations shown to hold a transaction as valid
	shipment  *ledger.Shipment
	changes   []change                 // of its record, oldest first
	delivery  *fabricproof.Transaction // nil before it
	closing   *ledger.Close
	trackers  map[string]*tracker
	anchors   [][]*anchored // by instance
	logs      []*shipmentLog
	judging   judging
	profiles  map[Hash]*profile.Profile // of the bundle
}

func (v *verifier) run(r io.Reader) error {
	in, err := NewReader(r)
	if err != nil {
		return err
	}
	v.in = in
	m := &in.Manifest
	v.report.Kind, v.report.Channel, v.report.Shipment = in.Kind, m.Channel, m.Shipment
	if m.Channel != v.policy.Channel {
		return stop(fabricproof.Channel, "subject", v.policy.Channel, "%s", m.Channel)
	}
	if m.Chaincode != v.policy.Chaincode {
		return stop(fabricproof.Chaincode, "subject", v.policy.Chaincode, "%s", m.Chaincode)
	}
	for _, step := range []func() error{v.configs, v.checkBlocks, v.transactions, v.attestations, v.finality} {
		if err := step(); err != nil {
			return err
		}
	}
	if in.Kind == HeadsLog {
		if err := v.headsLog(); err != nil {
			return err
		}
		return v.finish()
	}
	for _, step := range []func() error{v.records, v.details, v.givenProfiles, v.checkAnchors, v.heads} {
		if err := step(); err != nil {
			return err
		}
	}
	v.recordTimes()
	if in.Kind == OneMessage {
		if err := v.proof(); err != nil {
			return err
		}
	} else if err := v.leaves(); err != nil {
		return err
	}
	v.undated()
	v.sequences()
	if in.Kind == WholeShipment {
		if err := v.compliance(); err != nil {
			return err
		}
	}
	return v.finish()
}

// finish notes that the bundle was read to its end: before that nothing may pass.
func (v *verifier) finish() error {
	sum, ok := v.in.Sum()
	if !ok {
		return stop(BundleFormat, "end", "the end of the bundle", "more")
	}
	v.report.Bundle = hex.EncodeToString(sum[:])
	v.reached = Compliant
	return nil
}

func (v *verifier) conclude() {
	if v.report.Kind == OneMessage {
		v.book.unknown(NotJudged, "rules", "every reading of the shipment", "one message")
	}
	for _, q := range Questions {
		s := Pass
		if w, ok := v.book.worst[q]; ok {
			s = w
		} else if v.reached != Compliant || v.report.Kind == HeadsLog && q != Anchored && q != Final {
			s = Unknown
		}
		// That the rules were kept is known only of readings that are the trackers', by records that are final, with none left out. It is
		// the last question, so the others are answered.
		if q == Compliant && s == Pass && v.report.Verdicts != (Verdicts{Pass, Pass, Pass, Pass, ""}) {
			s = Unknown
		}
		*v.report.Verdicts.at(q) = s
	}
	v.report.Findings = v.book.findings
	if v.report.Kind == HeadsLog {
		v.report.Required = []string{string(Anchored), string(Final)}
	}
	v.report.Passed = true
	for _, q := range v.required() {
		if v.report.Verdicts.Of(q) != Pass {
			v.report.Passed = false
		}
	}
}

// required is what the policy asks for; one message cannot show that nothing was left out, and anchors say nothing of any
// message but always have to be final.
func (v *verifier) required() []Question {
	if v.report.Kind == HeadsLog {
		return []Question{Anchored, Final}
	}
	var out []Question
	for _, q := range v.policy.Require {
		if v.report.Kind == OneMessage && (Question(q) == Complete || Question(q) == Compliant) {
			continue
		}
		out = append(out, Question(q))
	}
	return out
}

// Exit codes of a verification.
const (
	ExitPass    = 0
	ExitFail    = 1
	ExitUnknown = 2
	ExitUsage   = 64
)

// Exit is 0 when all that the policy requires passed; otherwise 1 when anything that it requires failed, else 2. What it does
// not require is told and decides nothing.
func (r *Report) Exit() int {
	if r.Passed {
		return ExitPass
	}
	for _, q := range r.Required {
		if r.Verdicts.Of(Question(q)) == Fail {
			return ExitFail
		}
	}
	return ExitUnknown
}

// shipmentLog is one log while its leaves come by.
type shipmentLog struct {
	id     Hash
	ingest string // the life of an instance that wrote it
	name   string
	heads  []head
	tree   merkle.Log
	next   int // index of the next head to compare
	last   int64
	// The opinions on the ledger name the log at these sizes; its readings begin at claimStart.
	claims     map[uint64]*reached
	claimStart int
}
