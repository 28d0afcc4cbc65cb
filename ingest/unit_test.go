package main

import (
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

// The systemd unit that we hand out starts the program with flags that it knows: it gets as far as its configuration, which is not here.
func TestUnitNamesOurFlags(t *testing.T) {
	unit, err := os.ReadFile("../docs/operate/systemd/trackseal-ingest.service")
	if err != nil {
		t.Fatal(err)
	}
	start := regexp.MustCompile(`(?m)^ExecStart=(.*)$`).FindSubmatch(unit)
	if start == nil {
		t.Fatalf("no ExecStart in\n%s", unit)
	}
	words := strings.Fields(string(start[1]))
	if !strings.HasSuffix(words[0], "/trackseal-ingest") {
		t.Errorf("it starts %s", words[0])
	}
	if err := command(t.Context(), words[1:], io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "configuration: open /etc/trackseal/ingest.yaml") {
		t.Errorf("%v, want that it looks for its configuration", err)
	}
}
