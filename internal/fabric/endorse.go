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

// endorse collects what organisations say of a proposal: as many as the channel's policy asks for must say the same, or two refuse it. A peer
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
	needed := int(c.channel.endorsers.Load())
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
	for range max(needed, fewestEndorsers) {
		start()
	}
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
			alike := agreeing(answers, r)
			answers = append(answers, r)
			inAnswers := func(some []answer) bool {
				return slices.ContainsFunc(some, func(a answer) bool { return a.node == nodes[0] })
			}
			heardFirst := inAnswers(answers)
			if enough(alike, needed) && (!strict || !heardFirst || inAnswers(alike)) {
				c.blameSilent(silent, chaincodePart)
				if r.err != nil {
					return nil, r.err
				}
				return responsesOf(alike), nil
			}
			switch {
			case len(alike) == len(answers): // nobody disagrees, others are on their way
			case strict && heardFirst:
				return nil, undecided(answers, failures, needed)
			default:
				start() // one more opinion
			}
		case <-hedge.C:
			start()
			hedge.Reset(c.cfg.Timeouts.Hedge)
		case <-ctx.Done():
			c.blameSilent(silent, chaincodePart)
			return nil, undecided(answers, append(failures, ctx.Err()), needed)
		}
	}
	return nil, undecided(answers, failures, needed)
}

// agreeing is an answer with those of other organisations that say the same, one of each.
func agreeing(answers []answer, r answer) []answer {
	alike := []answer{r}
	for _, a := range answers {
		if a.same(r) && !slices.ContainsFunc(alike, func(other answer) bool { return other.node.msp == a.node.msp }) {
			alike = append(alike, a)
		}
	}
	return alike
}

// enough tells whether what so many organisations say decides: as many endorsements as the channel asks for, or a refusal by two, since
// nothing is ordered then.
func enough(alike []answer, needed int) bool {
	if alike[0].err != nil {
		return len(alike) >= fewestEndorsers
	}
	return len(alike) >= needed
}

func responsesOf(answers []answer) []*peer.ProposalResponse {
	responses := make([]*peer.ProposalResponse, len(answers))
	for i, a := range answers {
		responses[i] = a.response
	}
	return responses
}

// undecided says why not enough organisations said the same.
func undecided(answers []answer, failures []error, needed int) error {
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
	case len(answers) == 0:
		return errors.Join(failures...)
	case len(answers) == 1 && refusals == 1:
		return refusal // nobody else is there to contradict it, and nothing would be ordered either way
	case refusals == 0 && len(agreeing(answers[1:], answers[0])) == len(answers):
		return &nodeError{answers[0].node, fmt.Errorf("too few organisations endorse, %d of %d: %w", len(answers), needed, errors.Join(failures...))}
	case endorsements == 0 && ledger.CodeOf(refusal) == "":
		return refusal // a proposal that nobody can run, each says so in its own words
	}
	return errDisagree
}
