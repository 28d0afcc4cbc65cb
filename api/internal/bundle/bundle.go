// Package bundle collects the evidence of a shipment from the ledger and the store. It verifies nothing: what it collects
// must convince somebody who trusts neither it nor this server.
package bundle

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/outside"
)

// Ledger gives blocks and peers' signed answers. Its errors are those of fabric.Client.
type Ledger interface {
	BlockByTx(ctx context.Context, txID string) ([]byte, error)
	BlockByNumber(ctx context.Context, number uint64) ([]byte, error)
	SignedBlockByTx(ctx context.Context, org, txID string, nonce []byte) (ledger.SignedAnswer, error)
	// OrdererBlock is a block as one organisation's orderer holds it, signed by that orderer on a Raft channel.
	OrdererBlock(ctx context.Context, org string, number uint64) ([]byte, error)
	PeerOrganisations() []string
	OrdererOrganisations() []string
}

// Store gives what ingest stored.
type Store interface {
	Messages(ctx context.Context, log string, from, to uint64, fn func(stored.Message) error) error
	Heads(ctx context.Context, log string) ([]stored.Head, error)
	MessageInfos(ctx context.Context, q stored.MessageInfoQuery, fn func(stored.MessageInfo) error) error
	Message(ctx context.Context, p stored.MessageInfo) (m stored.Message, ok bool, err error)
	LogsOf(ctx context.Context, tracker string, fromMS, toMS int64) ([]string, error)
}

// Outside gives signed messages around a shipment from elsewhere than the store, as cose_sign1, each once; logs are the shipment's, as
// far as the bundle has them.
type Outside func(ctx context.Context, shipment string, logs []outside.Log) ([][]byte, error)

// Consistency asks an ingest instance for the consistency proof of its heads log between two sizes.
type Consistency func(ctx context.Context, ingest string, first, second uint64) ([]evidence.Hash, error)

// Source is where evidence comes from.
type Source struct {
	Channel, Chaincode string
	Ledger             Ledger
	Store              Store
	Consistency        Consistency
	// Anchors lists those of a heads log that are larger than from and at most to, in their order; nil: nobody can. The ledger's own
	// transactions prove what no ingest does any more.
	Anchors func(ctx context.Context, heads string, from, to uint64) ([]ledger.Head, error)
	Outside Outside  // nil: the store has all that is needed
	Own     []string // ids of the instances that write into the store
	Log     *slog.Logger
	// Codec runs the codecs of profiles when a bundle is verified here; nil: nobody does, and the report says so.
	Codec profile.Runner
}

// Log is one log of the shipment.
type Log struct{ ID, Ingest string }

// Request names the shipment and what is asked for.
type Request struct {
	Shipment ledger.Shipment
	Close    *ledger.Close // nil while the shipment is open
	Logs     []Log
	// RuleSet is the canonical JSON of the pinned rules; nil where nobody has it, and then only a verifier that knows them can
	// judge.
	RuleSet []byte
	// Details gives the bytes of details that the bundle discloses: those with a hash, which the member with the MSP id by wrote. It
	// answers nil for what is not here or not disclosed; a nil Details discloses none.
	Details func(ctx context.Context, by, hash string) ([]byte, error)
	// Trackers are the shipment's as the ledger has them now: what changed since they were assigned goes into the bundle. Those that are
	// not given stand as their assignments left them.
	Trackers []ledger.Tracker
	// Document gives a profile's, canonical; nil where nobody has it, and then only a verifier that has it can check what it read. A nil
	// Document gives none.
	Document func(ctx context.Context, pin ledger.ProfilePin) ([]byte, error)
	// Nonce is the asker's; peers sign it along, which shows that their answers are not old.
	Nonce []byte
	// Withhold leaves readings out: "", "all", or "location" for every message that has a position.
	Withhold string
}

// Bundle is evidence ready to be written.
type Bundle struct {
	Manifest evidence.Manifest
	source   *Source
	request  Request
	logs     []string
	sizes    []uint64
}

// maxAnchors bounds how many anchors of a log go into a bundle. One is enough for every check but the time bounds, which
// get closer with more of them.
const maxAnchors = 8

// ErrNotReady: the shipment has a message but no anchor covers it yet.
var ErrNotReady = errors.New("no anchor covers the shipment's messages yet")

// Collect gathers everything but the leaves.
func (s *Source) Collect(ctx context.Context, r Request) (*Bundle, error) {
	c := &collector{Source: s, request: r, blocks: map[uint64]*fabricproof.Block{}, used: map[uint64]string{}}
	m := &c.manifest
	m.Channel, m.Chaincode, m.Shipment, m.RuleSet = s.Channel, s.Chaincode, r.Shipment.ID, r.RuleSet
	if err := c.records(ctx); err != nil {
		return nil, fmt.Errorf("records of the shipment: %w", err)
	}
	if err := c.trackers(ctx); err != nil {
		return nil, fmt.Errorf("trackers of the shipment: %w", err)
	}
	if err := c.details(ctx); err != nil {
		return nil, fmt.Errorf("details: %w", err)
	}
	b := &Bundle{source: s, request: r}
	if err := c.heads(ctx, b); err != nil {
		return nil, fmt.Errorf("anchors: %w", err)
	}
	if err := c.around(ctx, b); err != nil {
		return nil, fmt.Errorf("messages around the shipment: %w", err)
	}
	if err := c.attest(ctx); err != nil {
		return nil, fmt.Errorf("signed answers: %w", err)
	}
	if err := c.finish(ctx); err != nil {
		return nil, fmt.Errorf("blocks: %w", err)
	}
	b.Manifest = c.manifest
	return b, nil
}

// collector gathers a manifest.
type collector struct {
	*Source
	request  Request
	manifest evidence.Manifest
	blocks   map[uint64]*fabricproof.Block
	used     map[uint64]string // blocks of the bundle -> one transaction id in each
	attested []uint64          // blocks that need signed answers
	record   ledger.Shipment   // as the bundle's newest record has it
	ended    []ledger.Handover // as its records have them
}

func (c *collector) block(ctx context.Context, number uint64) (*fabricproof.Block, error) {
	if b := c.blocks[number]; b != nil {
		return b, nil
	}
	raw, err := c.Ledger.BlockByNumber(ctx, number)
	if err != nil {
		return nil, err
	}
	return c.keep(raw)
}

func (c *collector) keep(raw []byte) (*fabricproof.Block, error) {
	b, err := fabricproof.DecodeBlock(raw)
	if err != nil {
		return nil, err
	}
	if old := c.blocks[b.Number]; old != nil {
		return old, nil
	}
	c.blocks[b.Number] = b
	return b, nil
}

// find locates a transaction by its id.
func (c *collector) find(ctx context.Context, txID string) (evidence.Position, error) {
	raw, err := c.Ledger.BlockByTx(ctx, txID)
	if err != nil {
		return evidence.Position{}, err
	}
	b, err := c.keep(raw)
	if err != nil {
		return evidence.Position{}, err
	}
	for i := range b.Envelopes {
		if p, err := b.Peek(i, c.Chaincode); err == nil && p.ID == txID {
			return evidence.Position{Block: b.Number, Tx: uint64(i)}, nil
		}
	}
	return evidence.Position{}, fmt.Errorf("block %d does not hold transaction %s", b.Number, txID)
}

// records walks the shipment's record back from its newest change: each change read what the one before wrote.
func (c *collector) records(ctx context.Context) error {
	at, err := c.newest(ctx)
	if err != nil {
		return err
	}
	key := ledger.ShipmentKey(c.request.Shipment.ID)
	c.attested = append(c.attested, at.Block)
	for {
		c.manifest.Records = append(c.manifest.Records, at)
		b, err := c.block(ctx, at.Block)
		if err != nil {
			return err
		}
		if at.Tx >= uint64(len(b.Envelopes)) {
			return fmt.Errorf("block %d has no transaction %d", at.Block, at.Tx)
		}
		p, err := b.Peek(int(at.Tx), c.Chaincode)
		if err != nil {
			return err
		}
		c.used[at.Block] = p.ID
		if err := c.written(p.Writes, key); err != nil {
			return err
		}
		i := slices.IndexFunc(p.Reads, func(r fabricproof.Read) bool { return r.Namespace == c.Chaincode && r.Key == key })
		if i < 0 || p.Reads[i].Version == nil {
			break
		}
		next := evidence.Position(*p.Reads[i].Version)
		if next.Block > at.Block {
			return errors.New("the record's history does not go back")
		}
		at = next
	}
	slices.Reverse(c.manifest.Records)
	return nil
}

// written keeps what a transaction wrote that names details. The newest transaction comes first.
func (c *collector) written(writes []fabricproof.Write, key string) error {
	for _, w := range writes {
		switch {
		case w.Key == key && c.record.ID == "":
			if err := ledger.Decode(w.Value, &c.record); err != nil {
				return err
			}
		case strings.HasPrefix(w.Key, ledger.Key(ledger.ObjHandover, c.request.Shipment.ID)):
			var h ledger.Handover
			if err := ledger.Decode(w.Value, &h); err != nil {
				return err
			}
			c.ended = append(c.ended, h)
		}
	}
	return nil
}

// details discloses those that the bundle's records name.
func (c *collector) details(ctx context.Context) error {
	if c.request.Details == nil {
		return nil
	}
	named := c.record.Written(c.ended)
	for _, hash := range slices.Sorted(maps.Keys(named)) {
		raw, err := c.request.Details(ctx, named[hash].By, hash)
		if err != nil {
			return err
		}
		if raw != nil {
			c.manifest.Details = append(c.manifest.Details, raw)
		}
	}
	return nil
}

// newest finds the transaction that changed the shipment's record last, among those that the record names.
func (c *collector) newest(ctx context.Context) (evidence.Position, error) {
	if c.request.Close != nil {
		return c.find(ctx, c.request.Close.Tx)
	}
	s := c.request.Shipment
	ids := []string{s.CreateTx}
	for _, a := range s.Assignments {
		ids = append(ids, a.AssignTx)
		if a.UnassignTx != "" {
			ids = append(ids, a.UnassignTx)
		}
	}
	if s.Pending != nil {
		ids = append(ids, s.Pending.ProposeTx)
	}
	var last evidence.Position
	for _, id := range ids {
		p, err := c.find(ctx, id)
		if err != nil {
			return p, err
		}
		if p.Block > last.Block || p.Block == last.Block && p.Tx > last.Tx {
			last = p
		}
	}
	return last, nil
}

// chosen is a head that goes into the bundle, of the log with a number.
type chosen struct {
	stored.Head
	log int
}

// heads picks anchors of each log: the first, the last, and some between.
func (c *collector) heads(ctx context.Context, b *Bundle) error {
	byIngest := map[string][]chosen{}
	var order []string
	for _, l := range c.request.Logs {
		heads, err := c.Store.Heads(ctx, l.ID)
		if err != nil {
			return err
		}
		heads = c.sealed(l, heads)
		if len(heads) == 0 {
			continue
		}
		ingest := c.anchoredBy(l, heads[0].Heads)
		if ingest == "" {
			return fmt.Errorf("nobody knows the writer of log %s", l.ID)
		}
		if byIngest[ingest] == nil {
			order = append(order, ingest)
		}
		n := len(b.logs)
		b.logs = append(b.logs, l.ID)
		b.sizes = append(b.sizes, heads[len(heads)-1].Size)
		for _, h := range sample(heads) {
			byIngest[ingest] = append(byIngest[ingest], chosen{h, n})
		}
		c.manifest.Logs = append(c.manifest.Logs, evidence.Log{Instance: slices.Index(order, ingest)})
	}
	for _, ingest := range order {
		list := byIngest[ingest]
		slices.SortStableFunc(list, func(a, b chosen) int { return int(a.HeadsSize) - int(b.HeadsSize) })
		used, attested := maps.Clone(c.used), slices.Clone(c.attested)
		inst, err := c.instance(ctx, ingest, list)
		if alone := lastAlone(list); errors.Is(err, errNoProof) && ctx.Err() == nil && alone != nil {
			// The last anchor covers the whole logs and needs no proof. What is lost is how early the leaves were there.
			c.Log.WarnContext(ctx, "evidence with the last anchor alone: nobody proves that the others lead to it", "ingest", ingest, "error", err)
			list, c.used, c.attested = alone, used, attested
			inst, err = c.instance(ctx, ingest, list)
		}
		if err != nil {
			return err
		}
		at, size := -1, uint64(0)
		for _, h := range list {
			if h.HeadsSize != size {
				at, size = at+1, h.HeadsSize
			}
			path := make([]evidence.Hash, len(h.Proof))
			copy(path, h.Proof)
			l := &c.manifest.Logs[h.log]
			l.Heads = append(l.Heads, evidence.Head{Anchor: at, Index: h.Index, Entry: h.Entry, Path: path})
		}
		c.manifest.Instances = append(c.manifest.Instances, inst)
	}
	if c.request.Close != nil && len(b.logs) < len(c.request.Close.Heads) {
		return ErrNotReady
	}
	return nil
}

// anchoredBy is the life of an instance whose heads log has the heads of a log: the one that wrote it, or a later one. "" is none that
// is known.
func (c *collector) anchoredBy(l Log, heads string) string {
	for _, other := range c.request.Logs {
		if l.Ingest == "" || other.Ingest != l.Ingest && !ledger.IsLater(other.Ingest, l.Ingest) {
			continue
		}
		if hexHash(anchor.HeadsID(c.Channel, other.Ingest)) == heads {
			return other.Ingest
		}
	}
	return ""
}

// lastAlone are the heads in the last anchor, when that has one of each log; nil when it has not.
func lastAlone(list []chosen) []chosen {
	last := list[len(list)-1].HeadsSize
	alone, logs := []chosen{}, map[int]bool{}
	for _, h := range list {
		logs[h.log] = true
		if h.HeadsSize == last {
			alone = append(alone, h)
		}
	}
	for _, h := range alone {
		delete(logs, h.log)
	}
	if len(logs) > 0 {
		return nil
	}
	return alone
}

// instance has the anchors of some heads, each with the proof that it follows from the one before.
func (c *collector) instance(ctx context.Context, ingest string, list []chosen) (evidence.Instance, error) {
	inst, before := evidence.Instance{Ingest: ingest}, stored.Head{}
	for _, h := range list {
		if h.HeadsSize == before.HeadsSize {
			continue
		}
		a, err := c.anchor(ctx, ingest, before, h.Head)
		if err != nil {
			return inst, err
		}
		inst.Anchors, before = append(inst.Anchors, a), h.Head
	}
	return inst, nil
}

// errNoProof: the writer of a log does not prove its heads log.
var errNoProof = errors.New("no consistency proof")

func (c *collector) anchor(ctx context.Context, ingest string, before, h stored.Head) (evidence.Anchor, error) {
	p, err := c.find(ctx, h.Tx)
	if err != nil {
		return evidence.Anchor{}, err
	}
	a := evidence.Anchor{Position: p}
	if before.HeadsSize > 0 {
		if a.Consistency, err = c.follows(ctx, ingest, before, h); err != nil {
			return a, fmt.Errorf("%w: %w", errNoProof, err)
		}
	}
	c.used[p.Block] = h.Tx
	if !slices.Contains(c.attested, p.Block) {
		c.attested = append(c.attested, p.Block)
	}
	return a, nil
}

// attest asks every organisation's peer about the blocks that no later transaction of the bundle vouches for. Organisations
// that do not answer are left out: how many are needed is the auditor's decision.
func (c *collector) attest(ctx context.Context) error {
	for _, org := range c.Ledger.PeerOrganisations() {
		for _, number := range c.attested {
			answer, err := c.Ledger.SignedBlockByTx(ctx, org, c.used[number], c.request.Nonce)
			if err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				c.Log.WarnContext(ctx, "evidence without this organisation's answer", "org", org, "block", number, "error", err)
				break // it is down: asking it for every block would only wait
			}
			a, err := evidence.NewAttestation(fabricproof.Attestation{
				ChannelHeader: answer.ChannelHeader, SignatureHeader: answer.SignatureHeader, Proposal: answer.Proposal,
				Response: answer.Response, Endorser: answer.Endorser, Signature: answer.Signature,
			}, c.blocks[number])
			if err != nil {
				c.Log.WarnContext(ctx, "evidence without an answer that shows another block", "org", org, "block", number, "error", err)
				continue
			}
			c.manifest.Attestations = append(c.manifest.Attestations, a)
		}
	}
	return nil
}

func hexHash(h evidence.Hash) string { return hex.EncodeToString(h[:]) }
