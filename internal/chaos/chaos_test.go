package chaos

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A row that names a test which is gone, or a verb that is none, holds nothing.
func TestRowsNameWhatThereIs(t *testing.T) {
	tests := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".trackseal" || d.Name() == ".git") {
			if err == nil {
				err = fs.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		raw, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(raw, -1) {
			tests[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(Rows) != 30 {
		t.Errorf("%d rows, want 30", len(Rows))
	}
	for i, row := range append(slices.Clone(Rows), Mix) {
		if row.Number != i+1 && row.Number != 0 {
			t.Errorf("row %d stands at place %d", row.Number, i+1)
		}
		if len(row.Faults) == 0 && len(row.By) == 0 {
			t.Errorf("row %d is neither run nor held by a test", row.Number)
		}
		if row.Bound > 0 && row.Why == "" {
			t.Errorf("row %d has a bound of %s and does not say why", row.Number, row.Bound)
		}
		for _, name := range row.By {
			if !tests[name] {
				t.Errorf("row %d is held by %s, which is not there", row.Number, name)
			}
		}
		for _, f := range row.Faults {
			if verbs[f.Verb] == nil {
				t.Errorf("row %d: no verb %q", row.Number, f.Verb)
			}
		}
	}
}
