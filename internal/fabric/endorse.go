package fabric

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"

	"github.com/hyperledger/fabric-protos-go/peer"
)

const (
	disagreeFirst = 20 * time.Millisecond
	disagreeMax   = 500 * time.Millisecond
	// strictRounds is how often a disagreement is put down to others being a block behind the first peer (together about
	// 0.6 s) before it may be the first peer that is.
	strictRounds = 5
)

// answer is one peer's: an endorsement, a refusal, or a failure of its own.
type answer struct {
	node     *node
	response *peer.ProposalResponse
	err      error
}

// same tells whether two organisations say the same, which is what makes a transaction valid.
func (a answer) same(b answer) bool {
	if a.node.msp == b.node.msp {
		return false
	}
	if a.err != nil || b.err != nil {
		var x, y *ledger.Error
		return errors.As(a.err, &x) && errors.As(b.err, &y) && *x == *y
	}
	return bytes.Equal(a.response.Payload, b.response.Payload)
}

// endorse collects what two organisations say of a proposal, and both must say the same: an endorsement or a refusal. A peer
// that is a block behind disagrees for a moment, and then they are asked again.
//
// The first peer is the one whose commits this client waits for, so it knows what the caller knows. Two others that agree
// against it are first taken to be behind it, both: what they endorse would be a read conflict, what they refuse would be
// news to the caller.
func (c *Client) endorse(ctx context.Context, p *proposal) ([]*peer.ProposalResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeouts.Endorse)
	defer cancel()
	known := c.seen.Load()
	wait := disagreeFirst
	for round := 1; ; round++ {
		responses, err := c.endorseOnce(ctx, p, known, round)
		if !errors.Is(err, errDisagree) {
			return responses, err
		}
		c.log.Debug("endorsers disagree, asking again", "tx", p.txID, "round", round)
		if !pause(ctx, wait) {
			return nil, err
		}
		wait = min(2*wait, disagreeMax)
	}
}

func (c *Client) endorseOnce(ctx context.Context, p *proposal, known uint64, round int) ([]*peer.ProposalResponse, error) {
	strict := round <= strictRounds
	opinion := c.opinion
	if round > 1 {
		opinion = c.sendCaughtUp // whoever lags is the likely reason of the disagreement
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	nodes := c.health.order(c.peers, chaincodePart)
	results := make(chan answer, len(nodes))
	silent := map[*node]time.Time{}
	started := 0
	start := func() {
		if started < len(nodes) {
			n := nodes[started]
			started++
			silent[n] = time.Now()
			c.spawn(func() {
				response, err := opinion(ctx, n, p, known)
				results <- answer{n, response, err}
			})
		}
	}
	start()
	start()
	hedge := time.NewTimer(c.cfg.Timeouts.Hedge)
	defer hedge.Stop()
	var answers []answer
	var failures []error
	for len(answers)+len(failures) < len(nodes) {
		select {
		case r := <-results:
			delete(silent, r.node)
			if isNodeError(r.err) {
				failures = append(failures, r.err)
				c.health.failed(r.node, chaincodePart, r.err)
				start()
				continue
			}
			answers = append(answers, r)
			heardFirst := slices.ContainsFunc(answers, func(a answer) bool { return a.node == nodes[0] })
			for _, other := range answers {
				if strict && heardFirst && other.node != nodes[0] && r.node != nodes[0] {
					continue
				}
				if other.same(r) {
					c.blameSilent(silent, chaincodePart)
					if r.err != nil {
						return nil, r.err
					}
					return []*peer.ProposalResponse{other.response, r.response}, nil
				}
			}
			if len(answers) > 1 {
				if strict && heardFirst {
					return nil, undecided(answers, failures)
				}
				start() // a third opinion
			}
		case <-hedge.C:
			start()
			hedge.Reset(c.cfg.Timeouts.Hedge)
		case <-ctx.Done():
			c.blameSilent(silent, chaincodePart)
			return nil, undecided(answers, append(failures, ctx.Err()))
		}
	}
	return nil, undecided(answers, failures)
}

// undecided says why no two organisations said the same.
func undecided(answers []answer, failures []error) error {
	var refusals, endorsements int
	var refusal error
	for _, a := range answers {
		if a.err != nil {
			refusals++
			refusal = a.err
		} else {
			endorsements++
		}
	}
	switch {
	case len(answers) == 1 && refusals == 1:
		return refusal // nobody else is there to contradict it, and nothing would be ordered either way
	case len(answers) == 1:
		return &nodeError{answers[0].node, fmt.Errorf("is the only organisation that endorses, two must: %w", errors.Join(failures...))}
	case len(answers) == 0:
		return errors.Join(failures...)
	case endorsements == 0 && ledger.CodeOf(refusal) == "":
		return refusal // a proposal that nobody can run, each says so in its own words
	}
	return errDisagree
}
