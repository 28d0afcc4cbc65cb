package bundle

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/stored"
)

// maxJoined bounds how many transactions are read for one proof.
const maxJoined = 4000

// follows proves that a heads log at one anchor leads to that at a later one. Ingest is asked first, and what it answers is checked: a proof
// that is wrong would spoil the whole evidence. Else the proofs are joined that the anchors' transactions brought to the ledger.
func (c *collector) follows(ctx context.Context, ingest string, from, to stored.Head) ([]evidence.Hash, error) {
	path, err := c.Consistency(ctx, ingest, from.HeadsSize, to.HeadsSize)
	if err == nil {
		if err = proves(from, to, path); err == nil {
			return path, nil
		}
	}
	if c.Anchors == nil || ctx.Err() != nil {
		return nil, err
	}
	path, joined := c.joined(ctx, ingest, from.HeadsSize, to.HeadsSize)
	if joined == nil {
		joined = proves(from, to, path)
	}
	if joined != nil {
		return nil, errors.Join(err, joined)
	}
	return path, nil
}

func proves(from, to stored.Head, path []evidence.Hash) error {
	var roots [2]merkle.Hash
	for i, text := range []string{from.HeadsRoot, to.HeadsRoot} {
		if n, err := hex.Decode(roots[i][:], []byte(text)); err != nil || n != len(roots[i]) {
			return fmt.Errorf("%q is no root", text)
		}
	}
	return merkle.VerifyConsistency(from.HeadsSize, to.HeadsSize, path, roots[0], roots[1])
}

// joined makes the proof out of those in the anchors' transactions.
func (c *collector) joined(ctx context.Context, ingest string, from, to uint64) (path []evidence.Hash, err error) {
	list, err := c.Anchors(ctx, hexHash(anchor.HeadsID(c.Channel, ingest)), from, to)
	if err != nil {
		return nil, err
	}
	if len(list) > maxJoined {
		return nil, fmt.Errorf("%d anchors lie between the sizes %d and %d", len(list), from, to)
	}
	at := from
	for _, h := range list {
		args, err := c.extended(ctx, h.Tx)
		if err != nil {
			return nil, err
		}
		if args.OldSize != at || args.NewSize != h.Size {
			return nil, fmt.Errorf("anchor %d goes from size %d to %d, not from %d to %d", h.N, args.OldSize, args.NewSize, at, h.Size)
		}
		step := make([]merkle.Hash, len(args.Proof))
		for i, text := range args.Proof {
			if n, err := hex.Decode(step[i][:], []byte(text)); err != nil || n != len(step[i]) {
				return nil, fmt.Errorf("anchor %d: %q is no hash", h.N, text)
			}
		}
		if at == from {
			path = step
		} else if path, err = merkle.JoinConsistency(from, at, h.Size, path, step); err != nil {
			return nil, err
		}
		at = h.Size
	}
	if at != to {
		return nil, fmt.Errorf("the ledger has no anchor of size %d", to)
	}
	return path, nil
}

// extended is the call by which a transaction anchored.
func (c *collector) extended(ctx context.Context, tx string) (args ledger.ExtendArgs, err error) {
	raw, err := c.Ledger.BlockByTx(ctx, tx)
	if err != nil {
		return args, err
	}
	b, err := fabricproof.DecodeBlock(raw)
	if err != nil {
		return args, err
	}
	for i := range b.Envelopes {
		p, err := b.Peek(i, c.Chaincode)
		if err != nil || p.ID != tx {
			continue
		}
		if len(p.Args) != 2 || string(p.Args[0]) != ledger.AnchorExtend.Name() {
			break
		}
		err = ledger.Decode(p.Args[1], &args)
		return args, err
	}
	return args, fmt.Errorf("block %d has no anchor of transaction %s", b.Number, tx)
}
