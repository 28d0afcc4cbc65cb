// Package records reads and writes the ledger as this organisation, and shows a caller only what it takes part in and the
// caller is not narrowed away from.
package records

import "github.com/trackseal/trackseal/api/internal/members"

// Records of the ledger.
type Records struct {
	Ledger  Ledger
	Members *members.Directory
	MSP     string // of this organisation
}
