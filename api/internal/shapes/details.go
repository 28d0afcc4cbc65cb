package shapes

import (
	"context"

	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Details say where texts come from that stay off the ledger.
type Details struct {
	Hash string `json:"hash" doc:"SHA-256 that the ledger holds"`
	By   string `json:"by" doc:"Member that wrote them and whose node keeps them"`
	Here bool   `json:"here" doc:"false: they are not here, and no party's node gives them now, so the texts are empty"`
}

// Elsewhere says where texts are that are not here; "" when they are.
func (d Details) Elsewhere() string {
	if d.Here || d.Hash == "" {
		return ""
	}
	return "kept by " + d.By + "'s node, which does not answer"
}

// ReadDetails reads what the ledger holds the hash of, "" for nothing; by is the MSP id of who wrote it.
func ReadDetails(ctx context.Context, own *records.Records, shipment, by, hash string) (d ledger.Details, v rest.Null[Details]) {
	if hash == "" {
		return d, v
	}
	d, here := own.Details.Read(ctx, shipment, by, hash)
	return d, rest.Some(Details{hash, own.Members.Name(by), here})
}
