package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/trackseal/trackseal/api/internal/problem"
)

// A request that two readers could understand differently is refused: what one of them checked, another would act on.

// strictFormats reads JSON as the ledger does: UTF-8, and each member once.
func strictFormats() map[string]huma.Format {
	f := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: StrictJSON}
	return map[string]huma.Format{"application/json": f, "json": f}
}

// StrictJSON reads one value, each member once, in UTF-8.
func StrictJSON(data []byte, v any) error {
	if !utf8.Valid(data) {
		return errors.New("the body is not UTF-8")
	}
	if err := json.Unmarshal(data, v); err != nil {
		return err
	}
	return repeated(json.NewDecoder(bytes.NewReader(data)))
}

// repeated walks one valid JSON value.
func repeated(d *json.Decoder) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	open, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	seen := map[string]bool{}
	for d.More() {
		if open == '{' {
			name, err := d.Token()
			if err != nil {
				return err
			}
			if text, _ := name.(string); !seen[text] {
				seen[text] = true
			} else {
				return fmt.Errorf("the member %q is given twice", text)
			}
		}
		if err := repeated(d); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
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
