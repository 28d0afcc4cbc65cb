package cli

import (
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

// The guides' commands are ones that the program knows, with flags that it knows, and what the guide to joining has a firm and the members do is
// what the test with a real network does.
func TestGuidesCommands(t *testing.T) {
	played, err := os.ReadFile("../../../internal/e2e/members_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, guide := range []string{"join.md", "keys.md"} {
		text, err := os.ReadFile("../../../docs/operate/" + guide)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range commandsOf(string(text)) {
			cmd, args, err := command(Terminal{Out: io.Discard, Err: io.Discard}).Find(strings.Fields(line))
			if err == nil && !cmd.HasSubCommands() {
				if err = cmd.ParseFlags(args); err == nil {
					err = cmd.ValidateArgs(cmd.Flags().Args())
				}
			} else if err == nil {
				err = errors.New("it is no command")
			}
			if err != nil {
				t.Errorf("%s: network %s: %v", guide, line, err)
			}
			if verb := cmd.Name(); guide == "join.md" && cmd.HasParent() && cmd.Parent().Name() == "member" && !strings.Contains(string(played), `"member", "`+verb+`"`) {
				t.Errorf("%s: nobody plays network member %s", guide, verb)
			}
		}
	}
}

var quoted = regexp.MustCompile(`"[^"]*"`)

// commandsOf the blocks of a guide, without `network`; a line that ends with \ goes on.
func commandsOf(text string) (all []string) {
	inside := false
	text = strings.ReplaceAll(text, "\\\n", " ")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "```") {
			inside = !inside
			continue
		}
		line, _, _ = strings.Cut(line, "#")
		if rest, ok := strings.CutPrefix(line, "network "); inside && ok {
			all = append(all, quoted.ReplaceAllString(rest, "TEXT"))
		}
	}
	return all
}
