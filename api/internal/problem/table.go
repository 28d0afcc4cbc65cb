package problem

import (
	"context"
	"errors"
	"net/http"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
)

// refusals maps what the chaincode refused.
var refusals = map[ledger.Code]struct {
	status int
	code   Code
}{
	ledger.NotFound:  {http.StatusNotFound, NotFound},
	ledger.Exists:    {http.StatusConflict, "exists"},
	ledger.Forbidden: {http.StatusForbidden, "forbidden"},
	ledger.Invalid:   {http.StatusUnprocessableEntity, "invalid"},
	ledger.BadState:  {http.StatusConflict, "bad_state"},
	ledger.Conflict:  {http.StatusConflict, "conflict"},
	ledger.BadProof:  {http.StatusUnprocessableEntity, "bad_proof"},
	ledger.NoBeat:    {http.StatusServiceUnavailable, NoBeat}, // ours: our clock, or a network that takes no renewal
}

// ErrIngest: an ingest instance could not be asked.
var ErrIngest = errors.New("ingest unavailable")

var lostRace = New(http.StatusConflict, TxInvalid,
	"another transaction changed the same record first; nothing was written; try again").RetryAfter("1")

// failures maps errors to answers, first match wins.
var failures = []struct {
	is error
	p  *Problem
}{
	{ledger.ErrCommitUnknown, New(http.StatusGatewayTimeout, CommitUnknown,
		"the transaction was sent, but whether it is on the ledger is not known; repeat the request with the same Idempotency-Key, or look the resource up before you try again")},
	{ledger.ErrInvalid, New(http.StatusConflict, TxInvalid,
		"the peers found the transaction invalid and wrote nothing; trying again will not help before the network's operator has looked at it")},
	{ledger.ErrUnavailable, New(http.StatusServiceUnavailable, LedgerDown,
		"the ledger network cannot be reached; nothing was written; try again later").RetryAfter("5")},
	{stored.ErrUnavailable, New(http.StatusServiceUnavailable, StoreUnavailable,
		"the telemetry store cannot be reached; try again later").RetryAfter("5")},
	{ErrIngest, New(http.StatusServiceUnavailable, IngestDown,
		"an ingest instance cannot be reached; try again later").RetryAfter("5")},
	{context.DeadlineExceeded, New(http.StatusGatewayTimeout, Timeout,
		"a part of the system did not answer in time; repeat the request, with the same Idempotency-Key if it writes").RetryAfter("5")},
}

// Of maps any error to its answer. internal is true when the table does not know the error: log it, the client learns nothing.
func Of(err error) (p *Problem, internal bool) {
	if errors.As(err, &p) {
		return p, false
	}
	var refused *ledger.Error
	if errors.As(err, &refused) {
		if r, ok := refusals[refused.Code]; ok {
			return New(r.status, r.code, "%s", refused.Message), false
		}
	}
	if ledger.LostRace(err) {
		return lostRace, false
	}
	for _, f := range failures {
		if errors.Is(err, f.is) {
			return f.p, false
		}
	}
	if errors.Is(err, context.Canceled) {
		// Nobody reads this answer; 499 is what access logs show for it elsewhere.
		return New(499, BadRequest, "the client went away"), false
	}
	return New(http.StatusInternalServerError, Internal, "internal error; quote the trace id when you report it"), true
}
