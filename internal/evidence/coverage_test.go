package evidence_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/evidence"
)

// elsewhere are codes that no attack of the corpus ends with, and the test that does.
var elsewhere = map[evidence.Code]string{
	evidence.LeafInclusion: "TestSelectiveProof",
	evidence.NotWhole:      "TestSelectiveProof",
	evidence.NotJudged:     "TestSelectiveProof",
}

func read(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// Each code that decides a verdict is the end of an attack that is tested, and the threat model says of each attack what
// catches it.
func TestEveryCodeIsAttackedAndEveryAttackIsDocumented(t *testing.T) {
	attacked := map[evidence.Code]bool{}
	names := map[string]bool{}
	for _, a := range attacks {
		attacked[a.code] = true
		if names[a.name] {
			t.Errorf("two attacks are named %q", a.name)
		}
		names[a.name] = true
	}
	declared := regexp.MustCompile(`Code = "(E_\w+)"`)
	for _, file := range []string{"codes.go", "fabricproof/fault.go"} {
		found := declared.FindAllStringSubmatch(read(t, file), -1)
		if len(found) == 0 {
			t.Errorf("%s declares no codes", file)
		}
		for _, m := range found {
			if c := evidence.Code(m[1]); !attacked[c] && elsewhere[c] == "" {
				t.Errorf("%s: no attack ends with it", c)
			}
		}
	}

	// The page from which another verifier can be written names each code, and none that is not there.
	page := read(t, "../../docs/evidence-format.md")
	all := map[string]bool{}
	for _, file := range []string{"codes.go", "fabricproof/fault.go"} {
		for _, m := range regexp.MustCompile(`= "([EW]_\w+)"`).FindAllStringSubmatch(read(t, file), -1) {
			all[m[1]] = true
			if !strings.Contains(page, "`"+m[1]+"`") {
				t.Errorf("docs/evidence-format.md does not say what %s is", m[1])
			}
		}
	}
	for _, m := range regexp.MustCompile("`([EW]_\\w+)`").FindAllStringSubmatch(page, -1) {
		if !all[m[1]] {
			t.Errorf("docs/evidence-format.md tells of %s, which no check gives", m[1])
		}
	}

	// In the threat model each attack of the corpus stands, in quotes, in a row that names its code.
	rows := map[string]string{}
	quoted := regexp.MustCompile(`"([^"]+)"`)
	for row := range strings.Lines(read(t, "../../docs/threat-model.md")) {
		if !strings.HasPrefix(row, "| ") {
			continue
		}
		for _, m := range quoted.FindAllStringSubmatch(row, -1) {
			if !names[m[1]] {
				t.Errorf("the threat model names an attack that no test makes: %q", m[1])
			}
			rows[m[1]] += row
		}
	}
	for _, a := range attacks {
		switch row := rows[a.name]; {
		case row == "":
			t.Errorf("the threat model does not name the attack %q (%s)", a.name, a.code)
		case !strings.Contains(row, "`"+string(a.code)+"`"):
			t.Errorf("the threat model's row of %q does not name %s", a.name, a.code)
		}
	}
}
