package fabric

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/trackseal/trackseal/internal/ledger"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// nodeError is a failure of one node: it is down, frozen, behind, or its chaincode process is. Another may do better.
type nodeError struct {
	node *node
	err  error
}

func (e *nodeError) Error() string { return fmt.Sprintf("%s: %v", e.node, e.err) }
func (e *nodeError) Unwrap() error { return e.err }

func isNodeError(err error) bool {
	var n *nodeError
	return errors.As(err, &n)
}

// errDisagree: peers of different organisations gave different answers, as they do while one is a block behind.
var errDisagree = errors.New("organisations disagree about the result")

// overload is how a peer refuses a call beyond its concurrency limit; it has no status code of its own.
var overload = regexp.MustCompile(`too many requests for`)

// rpcError sorts an error of a call to a peer.
func rpcError(n *node, err error) error {
	s, ok := status.FromError(err)
	if !ok {
		return &nodeError{n, err}
	}
	switch s.Code() {
	case codes.Unknown:
		// Fabric's own errors come without a code: the proposal was read and refused, except when the peer is overloaded.
		if !overload.MatchString(s.Message()) {
			return fmt.Errorf("%s: %s", n, s.Message())
		}
	case codes.DeadlineExceeded:
		return &nodeError{n, fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)}
	case codes.Canceled:
		return &nodeError{n, context.Canceled}
	case codes.InvalidArgument, codes.Unauthenticated, codes.PermissionDenied:
		return fmt.Errorf("%s: %s", n, s.Message())
	}
	return &nodeError{n, errors.New(s.Message())}
}

// streamError is a failure of a call to an orderer; one that we gave up ourselves is told apart, for it is not the node's.
func streamError(n *node, err error) error {
	if status.Code(err) == codes.Canceled {
		err = context.Canceled
	}
	return &nodeError{n, err}
}

// broken is what a peer says of itself rather than of the request: the chaincode process is away or slow, the channel is not
// joined yet, the chaincode not committed yet.
var broken = regexp.MustCompile(`^(error in simulation|make sure the chaincode|channel '[^']*' not found|endorsing with plugin failed|failed to obtain|.*chaincode stream terminated|.*could not launch chaincode)`)

// answerError sorts the text of a negative answer.
func answerError(n *node, message string) error {
	if refusal := ledger.ParseError(message); refusal != nil {
		return refusal
	}
	if broken.MatchString(message) {
		return &nodeError{n, errors.New(message)}
	}
	return fmt.Errorf("%s: %s", n, message)
}

// endorseError makes what Submit and Evaluate return of a failure before anything was ordered.
func endorseError(txID string, err error) error {
	var refusal *ledger.Error
	if errors.As(err, &refusal) {
		return refusal
	}
	if isNodeError(err) || errors.Is(err, errDisagree) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", ledger.ErrUnavailable, err)
	}
	return &ledger.StageError{Stage: ledger.StageEndorse, TxID: txID, Err: err}
}
