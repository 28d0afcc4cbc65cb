package problem

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"regexp"
	"strconv"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
)

// codes reads the constants of type Code from the ledger's source, so that a new one is not forgotten here.
func codes(t *testing.T) []ledger.Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../../internal/ledger/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []ledger.Code
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := v.Type.(*ast.Ident); !ok || id.Name != "Code" {
			return true
		}
		for _, value := range v.Values {
			text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, ledger.Code(text))
		}
		return true
	})
	return all
}

// TestEveryRefusalHasAnAnswer: each code that the chaincode can refuse with crosses Fabric as text and becomes an answer with a
// code of its own and the chaincode's words: a 4xx, but for what the caller cannot help.
func TestEveryRefusalHasAnAnswer(t *testing.T) {
	all := codes(t)
	if len(all) < 7 || len(all) != len(refusals) {
		t.Fatalf("the ledger has the codes %v, the table %d", all, len(refusals))
	}
	seen := map[Code]bool{}
	for _, code := range all {
		refused := ledger.Refuse(code, "because of %s", "this")
		parsed := ledger.ParseError("error in simulation: transaction returned with failure: " + refused.Error())
		if parsed == nil || parsed.Code != code {
			t.Errorf("%s does not come back from Fabric's text", code)
			continue
		}
		p, internal := Of(fmt.Errorf("endorse: %w", parsed))
		if internal || (p.Status < 400 || p.Status > 499) != (code == ledger.NoBeat) || p.Detail != "because of this" {
			t.Errorf("%s: %+v", code, p)
		}
		if seen[p.Code] {
			t.Errorf("%s shares the code %s with another", code, p.Code)
		}
		seen[p.Code] = true
		if !regexp.MustCompile(`^[a-z_]+$`).MatchString(string(p.Code)) {
			t.Errorf("%s: code %q", code, p.Code)
		}
	}
}

// TestFailures: a part that is away is a 503 that says when to try again; what is not known stays inside.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   Code
		retry  bool
	}{
		{ledger.ErrUnavailable, http.StatusServiceUnavailable, LedgerDown, true},
		{stored.ErrUnavailable, http.StatusServiceUnavailable, StoreUnavailable, true},
		{ErrIngest, http.StatusServiceUnavailable, IngestDown, true},
		{ledger.ErrCommitUnknown, http.StatusGatewayTimeout, CommitUnknown, false},
		{context.DeadlineExceeded, http.StatusGatewayTimeout, Timeout, true},
		{&ledger.StageError{Stage: ledger.StageCommit, Code: 11, Err: ledger.ErrInvalid}, http.StatusConflict, TxInvalid, true},
		{&ledger.StageError{Stage: ledger.StageCommit, Code: 12, Err: ledger.ErrInvalid}, http.StatusConflict, TxInvalid, true},
		{&ledger.StageError{Stage: ledger.StageCommit, Code: 10, Err: ledger.ErrInvalid}, http.StatusConflict, TxInvalid, false},
	} {
		p, internal := Of(fmt.Errorf("inside: %w", c.err))
		if internal || p.Status != c.status || p.Code != c.code || (p.GetHeaders().Get("Retry-After") != "") != c.retry || len(p.Detail) < 20 {
			t.Errorf("%v: %+v, Retry-After %q", c.err, p, p.GetHeaders().Get("Retry-After"))
		}
	}
	if p, internal := Of(fmt.Errorf("password=hunter2")); !internal || p.Status != 500 || p.Code != Internal || regexp.MustCompile("hunter2").MatchString(p.Detail) {
		t.Errorf("got %+v, internal = %v, want a 500 that tells nothing of the cause", p, internal)
	}
}
