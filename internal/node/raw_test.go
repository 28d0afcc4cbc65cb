package node_test

import (
	"encoding/asn1"
	"math/big"

	"github.com/trackseal/trackseal/internal/node/nodetest"
)

// raw is a signature as JWS has it.
func raw(i nodetest.Identity, text []byte) []byte {
	var v struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(i.ID.Sign(text), &v); err != nil {
		panic(err)
	}
	out := make([]byte, 64)
	v.R.FillBytes(out[:32])
	v.S.FillBytes(out[32:])
	return out
}
