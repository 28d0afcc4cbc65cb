package bundle

import (
	"context"
	"errors"
	"io"

	"github.com/trackseal/trackseal/internal/evidence"
)

// Verify runs the offline verifier on the bundle, by the policy of somebody who believes this node's ledger: what an auditor would find
// of the record shows here, too. Trackers that cannot sign, windows that were stated afterwards, and stated times are accepted, as the
// judgement here does. Errors: ErrLeaves, and those of the store.
func (b *Bundle) Verify(ctx context.Context) (*evidence.Report, error) {
	p, err := evidence.PolicyOf(b.Manifest.Configs, b.Manifest.Chaincode)
	if err != nil {
		return nil, err
	}
	p.Unsigned, p.Recorded, p.StatedMaxS = "accept", "accept", 366*86_400
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := b.Write(ctx, w)
		w.CloseWithError(err)
		written <- err
	}()
	report, err := evidence.Verify(r, p, evidence.Options{Nonce: b.request.Nonce, Codec: b.source.Codec})
	r.Close() // what is not read is not written
	if werr := <-written; werr != nil && !errors.Is(werr, io.ErrClosedPipe) {
		return nil, werr
	}
	return report, err
}
