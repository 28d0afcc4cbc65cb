package rest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/internal/canon"
)

// A request that two readers could understand differently is refused: what one of them checked, another would act on.

// strictFormats reads JSON as the ledger does: UTF-8, and each member once.
func strictFormats() map[string]huma.Format {
	f := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: StrictJSON}
	return map[string]huma.Format{"application/json": f, "json": f}
}

// StrictJSON reads one value, each member once, in UTF-8.
func StrictJSON(data []byte, v any) error {
	if err := canon.CheckJSON(data); err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

// onceEach refuses a query parameter that is given twice: huma would take the first and drop the others.
func (a *API) onceEach(c huma.Context, next func(huma.Context)) {
	u := c.URL()
	var wrong []problem.Field
	for name, values := range u.Query() {
		if len(values) > 1 {
			wrong = append(wrong, problem.Field{Field: "query." + name, Detail: "is given twice; a list is one parameter, separated by commas"})
		}
	}
	if len(wrong) == 0 {
		next(c)
		return
	}
	slices.SortFunc(wrong, func(a, b problem.Field) int { return strings.Compare(a.Field, b.Field) })
	a.reply(c, problem.Invalid(http.StatusUnprocessableEntity, wrong...))
}
