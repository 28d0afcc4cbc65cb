package profile

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocsExample: the page's example reads what the page says, and its table names every ready profile.
func TestDocsExample(t *testing.T) {
	raw, err := os.ReadFile("../../docs/profiles.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	for _, p := range Ready() {
		if !strings.Contains(page, "`"+p.Ref()+"`") {
			t.Errorf("docs/profiles.md does not name %s", p.Ref())
		}
	}
	_, example, _ := strings.Cut(page, "## An example")
	example = strings.ReplaceAll(example, "`", "'")
	message := regexp.MustCompile(`(?s)sends '(\{.*?\})' to '(.*?)'`).FindStringSubmatch(example)
	document := regexp.MustCompile(`(?s)'''json\n(.*?)\n'''`).FindStringSubmatch(example)
	reads := regexp.MustCompile(`reads '(.*?)'`).FindStringSubmatch(example)
	if message == nil || document == nil || reads == nil {
		t.Fatal("the example is not where it was")
	}
	p, err := Parse([]byte(document[1]))
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Read(message[2], []byte(message[1]), nil, receivedMS)
	if err != nil || string(r.Reads) != reads[1] || strings.Join(r.Ignored, " ") != "$.probe $.t[1]" {
		t.Errorf("the example reads %s (ignored %q), %v; the page says %s", r.Reads, r.Ignored, err, reads[1])
	}
}
