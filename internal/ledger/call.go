package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
)

// Function is a transaction of the chaincode. Its kinds below say what it takes and answers: a constant of one is all that
// callers and the contract need to agree on.
type Function interface {
	// Name is "contract:Function".
	Name() string
}

// Argument is what a transaction takes, a JSON object.
type Argument interface {
	// Validate checks the shape, without state: what it accepts may still be refused. The error is an *Error with code Invalid,
	// so a client may call it before it submits.
	Validate() error
}

// Query reads one R. Any member of the channel may ask.
type Query[A Argument, R any] string

// Listing pages through R in the order of their keys, by ListArgs.
type Listing[R any] string

// Change may write, and answers R. The caller's certificate needs a role.
type Change[A Argument, R any] string

func (q Query[A, R]) Name() string  { return string(q) }
func (q Listing[R]) Name() string   { return string(q) }
func (c Change[A, R]) Name() string { return string(c) }

// Evaluator runs a transaction on a peer and orders nothing.
type Evaluator interface {
	Evaluate(ctx context.Context, fn string, arg any) ([]byte, error)
}

// Submitter has a transaction endorsed, ordered and committed. See Stage for how it fails.
type Submitter interface {
	Submit(ctx context.Context, fn string, arg any) (Result, error)
}

// PeerEvaluator runs a transaction on the peer of the organisation that is named.
type PeerEvaluator interface {
	EvaluateAt(ctx context.Context, org, fn string, arg any) ([]byte, error)
}

// At asks the peer of one organisation.
func At(peers PeerEvaluator, org string) Evaluator { return at{peers, org} }

type at struct {
	peers PeerEvaluator
	org   string
}

func (a at) Evaluate(ctx context.Context, fn string, arg any) ([]byte, error) {
	return a.peers.EvaluateAt(ctx, a.org, fn, arg)
}

// Ask evaluates the query.
func (q Query[A, R]) Ask(ctx context.Context, l Evaluator, arg A) (R, error) {
	return ask[R](ctx, l, string(q), arg)
}

// Page evaluates the listing for one page.
func (q Listing[R]) Page(ctx context.Context, l Evaluator, arg ListArgs) (Page[R], error) {
	return ask[Page[R]](ctx, l, string(q), arg)
}

// Each yields all records of the listing; id as in ListArgs. It ends with the first error.
func (q Listing[R]) Each(ctx context.Context, l Evaluator, id string) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		for arg := (ListArgs{ID: id, Limit: MaxLimit}); ; {
			page, err := q.Page(ctx, l, arg)
			if err != nil {
				yield(*new(R), err)
				return
			}
			for _, r := range page.Items {
				if !yield(r, nil) {
					return
				}
			}
			if page.Bookmark == "" {
				return
			}
			arg.Bookmark = page.Bookmark
		}
	}
}

// All collects the records of the listing up to max.
func (q Listing[R]) All(ctx context.Context, l Evaluator, id string, max int) ([]R, error) {
	var all []R
	for r, err := range q.Each(ctx, l, id) {
		if err != nil {
			return nil, err
		}
		if all = append(all, r); len(all) == max {
			break
		}
	}
	return all, nil
}

// Do submits the change, and renews the beat where it must. After an error the Result is empty, unless only the answer could not be read.
func (c Change[A, R]) Do(ctx context.Context, l Submitter, arg A) (R, Result, error) {
	result, err := onBeat(ctx, l, string(c), arg)
	if err != nil {
		return *new(R), result, err
	}
	r, err := answer[R](string(c), result.Payload)
	return r, result, err
}

func ask[R any](ctx context.Context, l Evaluator, fn string, arg any) (R, error) {
	raw, err := l.Evaluate(ctx, fn, arg)
	if err != nil {
		return *new(R), err
	}
	return answer[R](fn, raw)
}

func answer[R any](fn string, raw []byte) (R, error) {
	var r R
	if err := json.Unmarshal(raw, &r); err != nil {
		return r, fmt.Errorf("%s answered: %w", fn, err)
	}
	return r, nil
}
