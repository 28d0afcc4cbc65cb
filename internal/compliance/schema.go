package compliance

import (
	_ "embed"
	"strings"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

//go:embed ruleset.schema.json
var schemaTemplate string

// JSONSchema (2020-12) of a rule set, for editors and other programs. Parse checks more: a schema cannot say that ids are
// unique or that bands meet. The file names the metrics by a placeholder, since telemetry has their table.
var JSONSchema = func() []byte {
	names := make([]string, detect.Metrics)
	for m := range detect.Metrics {
		names[m] = m.String()
	}
	return []byte(strings.Replace(schemaTemplate, `"$metrics"`, `"`+strings.Join(names, "\",\n    \"")+`"`, 1))
}()
