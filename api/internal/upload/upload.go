// Package upload is what routes share that take the file of a data logger.
package upload

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/internal/recording"
)

// Bounds of a file.
const (
	MaxBytes    = 64 << 20
	MaxReadings = 1_000_000
)

// Example of a file.
const Example = "time,temperature\n2026-01-31T08:00:00Z,4.5\n2026-01-31T08:05:00Z,5.1\n"

// Problem names each wrong place of a file. Other errors stay as they are.
func Problem(err error) error {
	var f *recording.Fault
	if !errors.As(err, &f) {
		return err
	}
	each := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		each = joined.Unwrap()
	}
	p := problem.New(http.StatusUnprocessableEntity, problem.InvalidRequest, "the file cannot be read; see errors")
	for _, e := range each {
		field := "csv"
		switch {
		case !errors.As(e, &f):
		case f.Line == 0:
			field = "options"
		case f.Column == "":
			field = fmt.Sprintf("csv.line[%d]", f.Line)
		default:
			field = fmt.Sprintf("csv.line[%d].%s", f.Line, f.Column)
		}
		p.Errors = append(p.Errors, problem.Field{Field: field, Detail: e.Error()})
	}
	return p
}
