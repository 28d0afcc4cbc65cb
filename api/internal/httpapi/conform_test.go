package httpapi_test

import (
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// conforms checks an answer against the OpenAPI document that the server itself gives out: every test of this package that
// sends a request checks the document along, so it cannot promise what is not so.
func (w *world) conforms(method, path string, r response) {
	w.t.Helper()
	op := w.operationOf(method, path)
	if op == nil || r.Code == http.StatusMethodNotAllowed || method == http.MethodHead {
		return
	}
	doc := op.Responses[httpStatus(r.Code)]
	if doc == nil {
		if r.Code != http.StatusNotFound { // an id that is no path element matches another route, or none
			w.t.Errorf("%s answers %d, which its description lacks: %.200s", op.OperationID, r.Code, r.Body)
		}
		return
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if len(doc.Content) == 0 || r.Code == http.StatusNotModified {
		if len(r.Body) > 0 && r.Code != http.StatusNotModified {
			w.t.Errorf("%s %d has a body that its description lacks", op.OperationID, r.Code)
		}
		return
	}
	media := doc.Content[kind]
	if err != nil || media == nil {
		w.t.Errorf("%s %d: content type %q is not in its description", op.OperationID, r.Code, r.Header.Get("Content-Type"))
		return
	}
	if !strings.HasSuffix(kind, "json") || media.Schema == nil || kind == "application/schema+json" || kind == "application/x-ndjson" {
		return
	}
	var v any
	if err := json.Unmarshal(r.Body, &v); err != nil {
		w.t.Errorf("%s %d: %v", op.OperationID, r.Code, err)
		return
	}
	result := new(huma.ValidateResult)
	huma.Validate(w.api.OpenAPI().Components.Schemas, media.Schema, huma.NewPathBuffer([]byte{}, 0), huma.ModeReadFromServer, v, result)
	for _, e := range result.Errors {
		w.t.Errorf("%s %d is not as described: %v in %.300s", op.OperationID, r.Code, e, r.Body)
	}
	for _, name := range []string{"Retry-After", "WWW-Authenticate", "ETag", "Idempotency-Replayed"} {
		if r.Header.Get(name) != "" && doc.Headers[name] == nil {
			w.t.Errorf("%s %d sends %s, which its description lacks", op.OperationID, r.Code, name)
		}
	}
}

// operationOf finds the operation that a router would: fixed elements before parameters.
func (w *world) operationOf(method, path string) *huma.Operation {
	path, _, _ = strings.Cut(path, "?")
	given := strings.Split(path, "/")
	var best *huma.Operation
	fixed := -1
	for p, item := range w.api.OpenAPI().Paths {
		op := map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodDelete: item.Delete}[method]
		want := strings.Split(p, "/")
		if op == nil || len(want) != len(given) {
			continue
		}
		same := 0
		ok := true
		for i := range want {
			switch {
			case want[i] == given[i]:
				same++
			case !strings.HasPrefix(want[i], "{") || given[i] == "":
				ok = false
			}
		}
		if ok && same > fixed {
			best, fixed = op, same
		}
	}
	return best
}

// TestOpenAPIIsUsable: what a generator of clients and a reader need of each operation.
func TestOpenAPIIsUsable(t *testing.T) {
	w := newWorld(t)
	w.withEvidence()
	doc := w.api.OpenAPI()
	ids := map[string]bool{}
	each(w, func(op *huma.Operation) {
		if ids[op.OperationID] || op.Summary == "" || len(op.Tags) != 1 {
			t.Errorf("%s: id used twice, no summary, or not one tag", op.OperationID)
		}
		ids[op.OperationID] = true
		if !slices.ContainsFunc(doc.Tags, func(tag *huma.Tag) bool { return tag.Name == op.Tags[0] && tag.Description != "" }) {
			t.Errorf("%s: tag %s is not described", op.OperationID, op.Tags[0])
		}
		for _, p := range op.Parameters {
			if p.Description == "" && p.Schema.Description == "" {
				t.Errorf("%s: parameter %s is not described", op.OperationID, p.Name)
			}
			if p.In == "header" && slices.Contains([]string{"Accept", "Content-Type", "Authorization"}, p.Name) {
				t.Errorf("%s: OpenAPI ignores a parameter %s", op.OperationID, p.Name)
			}
		}
		good := 0
		for status, r := range op.Responses {
			if status[0] == '2' {
				good++
				if len(r.Content) == 0 {
					t.Errorf("%s %s: no content", op.OperationID, status)
				}
				continue
			}
			if status == "304" {
				continue
			}
			if m := r.Content["application/problem+json"]; m == nil || m.Schema.Ref != "#/components/schemas/Problem" {
				t.Errorf("%s %s is no problem", op.OperationID, status)
			}
			want := map[string]string{"401": "WWW-Authenticate", "429": "Retry-After", "503": "Retry-After"}[status]
			if want != "" && r.Headers[want] == nil {
				t.Errorf("%s %s: header %s is not described", op.OperationID, status, want)
			}
		}
		if good == 0 {
			t.Errorf("%s has no success", op.OperationID)
		}
		if op.RequestBody == nil {
			return
		}
		for kind, media := range op.RequestBody.Content {
			if media.Example == nil && len(media.Examples) == 0 {
				t.Errorf("%s: %s without an example", op.OperationID, kind)
				continue
			}
			if !strings.HasSuffix(kind, "json") {
				continue
			}
			raw, err := json.Marshal(media.Example)
			if err != nil {
				t.Fatal(err)
			}
			var v any
			if err := json.Unmarshal(raw, &v); err != nil {
				t.Fatal(err)
			}
			result := new(huma.ValidateResult)
			huma.Validate(doc.Components.Schemas, media.Schema, huma.NewPathBuffer([]byte{}, 0), huma.ModeWriteToServer, v, result)
			if len(result.Errors) > 0 {
				t.Errorf("%s: the example is not valid: %v", op.OperationID, result.Errors)
			}
		}
	})
}
