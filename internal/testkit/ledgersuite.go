package testkit

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
)

// LedgerClient is what programs use of fabric.Client, and of Ledger in tests.
type LedgerClient interface {
	MSP() string
	Submit(ctx context.Context, fn string, arg any) (ledger.Result, error)
	Evaluate(ctx context.Context, fn string, arg any) ([]byte, error)
	PeerOrgs() []string
	EvaluateAt(ctx context.Context, org, fn string, arg any) ([]byte, error)
	Events(ctx context.Context, from uint64, handle func(ledger.Event) error, atHead func(height uint64)) error
	TxStatus(ctx context.Context, txID string) (found bool, code int32, block uint64, err error)
	BlockByTx(ctx context.Context, txID string) ([]byte, error)
	Network(ctx context.Context) ([]ledger.Node, error)
}

var _ LedgerClient = (*Ledger)(nil)

// LedgerSuite checks what callers may rely on. It runs on the fake and on a real network, so that the fake cannot drift. open
// returns a client of an organisation with a role; the ledger may hold records of earlier runs.
func LedgerSuite(t *testing.T, open func(t *testing.T, org, role string) LedgerClient) {
	s := &ledgerSuite{t: t, run: fmt.Sprintf("%x", time.Now().UnixNano()), clients: map[string]LedgerClient{}}
	for _, o := range Founders {
		s.clients[o.Name] = open(t, o.Name, contract.Operator)
	}
	s.ingest = open(t, "carrier", contract.Ingest)
	t.Run("members", s.with((*ledgerSuite).members))
	t.Run("governance", s.with((*ledgerSuite).governance))
	t.Run("partitions", s.with((*ledgerSuite).partitions))
	t.Run("beat", s.with((*ledgerSuite).beat))
	t.Run("two carriers", s.with((*ledgerSuite).twoCarriers))
	t.Run("decline", s.with((*ledgerSuite).decline))
	t.Run("trackers", s.with((*ledgerSuite).trackers))
	t.Run("profiles", s.with((*ledgerSuite).profiles))
	t.Run("gateways", s.with((*ledgerSuite).gateways))
	t.Run("makers", s.with((*ledgerSuite).makers))
	t.Run("a shipment from start to end", s.with((*ledgerSuite).shipment))
	t.Run("anchors", s.with((*ledgerSuite).anchors))
	t.Run("compliance", s.with((*ledgerSuite).compliance))
	t.Run("pages", s.with((*ledgerSuite).pages))
	t.Run("roles", s.with((*ledgerSuite).roles))
	t.Run("events", s.with((*ledgerSuite).events))
	t.Run("blocks and status", s.with((*ledgerSuite).blocks))
	t.Run("own writes", s.with((*ledgerSuite).ownWrites))
	t.Run("races", s.with((*ledgerSuite).races))
	t.Run("network", s.with((*ledgerSuite).network))
}

type ledgerSuite struct {
	t       *testing.T
	run     string // makes ids that no earlier run has used
	clients map[string]LedgerClient
	ingest  LedgerClient
}

func (s *ledgerSuite) with(test func(*ledgerSuite)) func(*testing.T) {
	return func(t *testing.T) {
		copied := *s
		copied.t = t
		test(&copied)
	}
}

// id is one of the carrier's; idOf is another member's.
func (s *ledgerSuite) id(name string) string { return s.idOf("carrier", name) }

func (s *ledgerSuite) idOf(member, name string) string { return member + "." + name + "-" + s.run }

// do submits, decodes the answer and waits until every organisation has it: a client sees at once only what its own peer
// committed.
func do[R any](s *ledgerSuite, c LedgerClient, fn ledger.Function, arg any) (R, ledger.Result) {
	s.t.Helper()
	result, err := c.Submit(s.t.Context(), fn.Name(), arg)
	record := decoded[R](s, c, fn, result.Payload, err)
	WaitFor(s.t, 20*time.Second, "every peer commits the block", func() bool {
		nodes, err := c.Network(s.t.Context())
		for _, n := range nodes {
			if n.Role == "peer" && n.Height <= result.Block {
				return false
			}
		}
		return err == nil
	})
	return record, result
}

func ask[R any](s *ledgerSuite, c LedgerClient, fn ledger.Function, arg any) R {
	s.t.Helper()
	raw, err := c.Evaluate(s.t.Context(), fn.Name(), arg)
	return decoded[R](s, c, fn, raw, err)
}

// decoded is an answer's record; none is the end of the test.
func decoded[R any](s *ledgerSuite, c LedgerClient, fn ledger.Function, raw []byte, err error) (record R) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s by %s: %v", fn, c.MSP(), err)
	}
	if err := json.Unmarshal(raw, &record); err != nil {
		s.t.Fatalf("%s: answer %s: %v", fn, raw, err)
	}
	return record
}

func (s *ledgerSuite) refused(c LedgerClient, fn ledger.Function, arg any, want ledger.Code) {
	s.t.Helper()
	_, err := c.Submit(s.t.Context(), fn.Name(), arg)
	if ledger.CodeOf(err) != want || errors.Is(err, ledger.ErrUnavailable) {
		s.t.Errorf("%s by %s: got %v, want %s", fn, c.MSP(), err, want)
	}
}

func (s *ledgerSuite) askRefused(c LedgerClient, fn ledger.Function, arg any, want ledger.Code) {
	s.t.Helper()
	if _, err := c.Evaluate(s.t.Context(), fn.Name(), arg); ledger.CodeOf(err) != want {
		s.t.Errorf("%s by %s: got %v, want %s", fn, c.MSP(), err, want)
	}
}

func (s *ledgerSuite) anchors() {
	ingest := s.id("ingest")
	id := anchor.HeadsID(ledger.Channel, ingest)
	heads := hex.EncodeToString(id[:])
	tree := &merkle.Tree{}
	extend := func(leaves int) ledger.ExtendArgs {
		a := ledger.ExtendArgs{Heads: heads, Ingest: ingest, OldSize: tree.Size(), TimeMS: time.Now().UnixMilli(), Epoch: s.serving().Epoch}
		for range leaves {
			tree.Append(merkle.LeafHash(fmt.Append(nil, tree.Size())))
		}
		a.NewSize = tree.Size()
		root, err := tree.RootAt(a.NewSize)
		if err != nil {
			s.t.Fatal(err)
		}
		a.NewRoot = hex.EncodeToString(root[:])
		if a.OldSize > 0 {
			proof, err := merkle.Consistency(tree, a.OldSize, a.NewSize)
			if err != nil {
				s.t.Fatal(err)
			}
			for _, h := range proof {
				a.Proof = append(a.Proof, hex.EncodeToString(h[:]))
			}
		}
		return a
	}
	s.askRefused(s.ingest, ledger.AnchorHead, ledger.IDArgs{ID: heads}, ledger.NotFound)
	one := extend(3)
	first, result := do[ledger.Head](s, s.ingest, ledger.AnchorExtend, one)
	if first.N != 0 || first.Size != 3 || first.Root != one.NewRoot || first.Owner != "CarrierMSP" || first.Tx != result.TxID {
		s.t.Fatalf("first %+v", first)
	}
	// The same once more, as after a commit unknown: the same head, of the first transaction.
	if again, _ := do[ledger.Head](s, s.ingest, ledger.AnchorExtend, one); again.Tx != first.Tx || again.N != 0 {
		s.t.Fatalf("again %+v", again)
	}
	two := extend(4)
	wrong := two
	wrong.NewRoot = strings.Repeat("00", 32)
	s.refused(s.ingest, ledger.AnchorExtend, wrong, ledger.BadProof)
	wrong = two
	wrong.OldSize = 2
	s.refused(s.ingest, ledger.AnchorExtend, wrong, ledger.Conflict)
	wrong = two
	wrong.Ingest = "another"
	s.refused(s.ingest, ledger.AnchorExtend, wrong, ledger.Invalid)
	wrong = two
	wrong.Epoch += 7
	s.refused(s.ingest, ledger.AnchorExtend, wrong, ledger.Conflict)
	wrong = two
	wrong.TimeMS -= 1_000_000
	s.refused(s.ingest, ledger.AnchorExtend, wrong, ledger.Invalid)
	second, _ := do[ledger.Head](s, s.ingest, ledger.AnchorExtend, two)
	if second.N != 1 || second.Size != 7 || second.PrevSize != 3 || second.PrevRoot != first.Root {
		s.t.Fatalf("second %+v", second)
	}
	s.refused(s.ingest, ledger.AnchorExtend, one, ledger.Conflict)
	if got := ask[ledger.Head](s, s.clients["auditor"], ledger.AnchorHead, ledger.IDArgs{ID: heads}); got != second {
		s.t.Fatalf("head %+v", got)
	}
	if got := ask[ledger.Page[ledger.Head]](s, s.ingest, ledger.AnchorList, ledger.ListArgs{ID: heads}); len(got.Items) != 2 || got.Items[0] != second || got.Items[1] != first {
		s.t.Fatalf("anchors %+v", got)
	}
	for _, o := range Founders {
		raw, err := s.ingest.EvaluateAt(s.t.Context(), o.Name, ledger.AnchorHead.Name(), ledger.IDArgs{ID: heads})
		var got ledger.Head
		if err != nil || json.Unmarshal(raw, &got) != nil || got != second {
			s.t.Errorf("%s holds %s, %v", o.Name, raw, err)
		}
	}
	// Only an operator has heads logs, and one that is retired does not go on.
	s.refused(s.clients["carrier"], ledger.AnchorRetire, ledger.RetireArgs{Ingest: "another"}, ledger.NotFound)
	do[ledger.Head](s, s.clients["carrier"], ledger.AnchorRetire, ledger.RetireArgs{Ingest: ingest})
	s.refused(s.ingest, ledger.AnchorExtend, extend(1), ledger.BadState)
}

func (s *ledgerSuite) compliance() {
	id := s.id("judged")
	s.create(id)
	logs := []ledger.LogHead{{Log: strings.Repeat("03", 32), Size: 9, Root: strings.Repeat("04", 32)}, {Log: strings.Repeat("05", 32), Size: 2, Root: strings.Repeat("06", 32)}}
	open := ledger.Excursion{
		ID: "e1", Shipment: id, Rule: "r", Metric: "temperature", StartMS: 1000, Peak: "9.5", Limit: "8", Logs: logs, RuleHash: suiteRuleHash,
	}
	wrong := open
	wrong.RuleHash = strings.Repeat("00", 32)
	s.refused(s.ingest, ledger.ComplianceOpen, wrong, ledger.Conflict)
	opened, _ := do[ledger.Excursion](s, s.ingest, ledger.ComplianceOpen, open)
	if opened.By != "CarrierMSP" || opened.OpenTx == "" || opened.CloseTx != "" {
		s.t.Fatalf("opened %+v", opened)
	}
	s.refused(s.ingest, ledger.ComplianceOpen, open, ledger.Exists)
	end := open
	end.EndMS, end.Peak = 5000, "11"
	wrong = end
	wrong.ID = "e2"
	s.refused(s.ingest, ledger.ComplianceClose, wrong, ledger.NotFound)
	if closed, _ := do[ledger.Excursion](s, s.ingest, ledger.ComplianceClose, end); closed.EndMS != 5000 || closed.Peak != "11" || closed.CloseTx == "" {
		s.t.Fatalf("closed %+v", closed)
	}
	s.refused(s.ingest, ledger.ComplianceClose, end, ledger.BadState)

	byID := ledger.IDArgs{ID: id}
	ofCarrier := ledger.OpinionArgs{ID: id, By: s.ingest.MSP()}
	s.askRefused(s.ingest, ledger.ComplianceVerdict, ofCarrier, ledger.NotFound)
	v := ledger.Verdict{Shipment: id, Revision: 1, Result: ledger.Inconclusive, RuleHash: suiteRuleHash}
	do[ledger.Verdict](s, s.ingest, ledger.ComplianceRevise, v)
	if again, _ := do[ledger.Verdict](s, s.ingest, ledger.ComplianceRevise, v); again.Revision != 1 {
		s.t.Fatalf("the same verdict again became revision %d", again.Revision)
	}
	v = ledger.Verdict{Shipment: id, Revision: 2, Supersedes: 1, Result: ledger.NonCompliant, Reasons: []string{"too warm"}, ToMS: 6000, Logs: logs, RuleHash: suiteRuleHash}
	do[ledger.Verdict](s, s.ingest, ledger.ComplianceRevise, v)
	if got := ask[ledger.Verdict](s, s.clients["shipper"], ledger.ComplianceVerdict, ofCarrier); got.Revision != 2 || got.Result != ledger.NonCompliant || !slices.Equal(got.Logs, logs) {
		s.t.Fatalf("verdict %+v", got)
	}
	if got := ask[ledger.ComplianceState](s, s.clients["consignee"], ledger.ComplianceNow, byID); len(got.Opinions) != 1 || got.Opinions[0].By != s.ingest.MSP() || got.Opinions[0].Revision != 2 || got.Total != 1 {
		s.t.Fatalf("the ledger holds %+v, want the carrier's opinion, revision 2, and one excursion", got)
	}
	less := v
	less.Revision, less.Supersedes, less.Logs = 3, 2, logs[:1]
	s.refused(s.ingest, ledger.ComplianceRevise, less, ledger.Conflict)
	list := ledger.ListArgs{ID: id}
	if got := ask[ledger.Page[ledger.Verdict]](s, s.ingest, ledger.ComplianceVerdicts, list); len(got.Items) != 2 || got.Items[0].Revision != 1 {
		s.t.Fatalf("verdicts %+v", got)
	}
	if got := ask[ledger.Page[ledger.Excursion]](s, s.ingest, ledger.ComplianceList, list); len(got.Items) != 1 || got.Items[0].ID != "e1" {
		s.t.Fatalf("excursions %+v", got)
	}
	s.askRefused(s.clients["auditor"], ledger.ComplianceList, list, ledger.NotFound)
}

func (s *ledgerSuite) pages() {
	id := s.id("paged")
	s.create(id)
	for i := range 5 {
		do[ledger.Excursion](s, s.ingest, ledger.ComplianceOpen, ledger.Excursion{
			ID: fmt.Sprint("e", i), Shipment: id, Rule: "r", Metric: "m", StartMS: 1, Peak: "1", Limit: "1", RuleHash: suiteRuleHash,
			Logs: []ledger.LogHead{{Log: strings.Repeat("03", 32), Size: 1, Root: strings.Repeat("04", 32)}},
		})
	}
	var got []string
	args := ledger.ListArgs{ID: id, Limit: 2}
	for pages := 1; ; pages++ {
		page := ask[ledger.Page[ledger.Excursion]](s, s.ingest, ledger.ComplianceList, args)
		for _, e := range page.Items {
			got = append(got, e.ID)
		}
		if args.Bookmark = page.Bookmark; args.Bookmark == "" {
			break
		}
		if pages > 3 {
			s.t.Fatalf("no end after %d pages", pages)
		}
	}
	if strings.Join(got, " ") != "e0 e1 e2 e3 e4" {
		s.t.Fatalf("pages gave %v", got)
	}
	s.askRefused(s.ingest, ledger.ComplianceList, ledger.ListArgs{ID: id, Limit: 201}, ledger.Invalid)
	s.askRefused(s.ingest, ledger.ComplianceList, ledger.ListArgs{ID: id, Bookmark: "elsewhere"}, ledger.Invalid)
}
