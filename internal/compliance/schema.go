package compliance

import _ "embed"

// JSONSchema (2020-12) of a rule set, for editors and other programs. Parse checks more: a schema cannot say that ids are
// unique or that bands meet.
//
//go:embed ruleset.schema.json
var JSONSchema []byte
