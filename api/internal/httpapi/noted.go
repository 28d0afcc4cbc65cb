package httpapi

import (
	"context"
	"errors"

	"github.com/trackseal/trackseal/api/internal/audit"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/internal/ledger"
)

// noted tells the audit log which transactions a request made, and which it may have made.
type noted struct{ records.Ledger }

// Submit implements records.Ledger.
func (n noted) Submit(ctx context.Context, fn string, arg any) (ledger.Result, error) {
	res, err := n.Ledger.Submit(ctx, fn, arg)
	tx := res.TxID
	var at *ledger.StageError
	if errors.Is(err, ledger.ErrCommitUnknown) && errors.As(err, &at) {
		tx = at.TxID
	}
	if tx != "" {
		audit.NoteOf(ctx).With(func(r *audit.Record) { r.Tx = append(r.Tx, tx) })
	}
	return res, err
}
