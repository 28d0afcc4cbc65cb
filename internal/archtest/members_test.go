package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// organisation is what names one of the four organisations that `network` founds; the bare words are roles as well.
var organisation = regexp.MustCompile(`^(carrier|shipper|consignee|auditor)$|(Carrier|Shipper|Consignee|Auditor)(Orderer)?MSP`)

// Who is a member is a record on the ledger, so that the fifth member needs no new program. Code that has a name of one of the
// development stack's four works with those alone. Roles are spelt in internal/ledger; what tests are made of may name whom it likes.
func TestNoOrganisationsNameInCode(t *testing.T) {
	exempt := []string{"network", "internal/ledger/parties.go", "internal/testkit", "internal/evidence/evidencetest", "internal/e2e"}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel("../..", path)
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if slices.Contains(exempt, filepath.ToSlash(name)) {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			if text, err := strconv.Unquote(lit.Value); err == nil && organisation.MatchString(text) {
				t.Errorf("%s:%d says %q: organisations are records on the ledger; a role is a constant of package ledger", name, files.Position(lit.Pos()).Line, text)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
