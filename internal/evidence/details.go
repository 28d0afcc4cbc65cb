package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/trackseal/trackseal/internal/ledger"
)

// DetailsFact is what a party wrote, as the bundle discloses it and the record's hash binds it.
type DetailsFact struct {
	ledger.Written
	ledger.Details
}

// details checks what the bundle discloses of the texts that stay off the ledger. What it leaves out is nobody's fault.
func (v *verifier) details() error {
	var last string
	named := v.shipment.Written(v.judging.handovers)
	for i, raw := range v.in.Manifest.Details {
		where := fmt.Sprintf("details %d", i)
		sum := sha256.Sum256(raw)
		hash := hex.EncodeToString(sum[:])
		if hash <= last {
			return stop(BundleFormat, where, "details in the order of their hashes, each once", "%s after %s", hash, last)
		}
		last = hash
		of, ok := named[hash]
		if !ok {
			v.book.fail(DetailsDiffer, where, "details that the shipment's record names", "some with the hash %s", hash)
			continue
		}
		d, err := ledger.OpenDetails(raw, hash)
		if err != nil {
			v.book.fail(DetailsDiffer, where, "details in their one form", "%v", err)
			continue
		}
		v.report.Facts.Details = append(v.report.Facts.Details, DetailsFact{of, d})
	}
	return nil
}
