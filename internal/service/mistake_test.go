package service

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type typed struct {
	Journal struct {
		MaxBytes int64 `yaml:"max_bytes"`
	} `yaml:"journal"`
	Every time.Duration `yaml:"every"`
	On    bool          `yaml:"on"`
	Names []string      `yaml:"names"`
	Name  string        `yaml:"name"`
	Share float64       `yaml:"share"`
}

func (*typed) Validate() error { return nil }

// A mistake is told in the words of the file, not of the program.
func TestMistakesInAConfiguration(t *testing.T) {
	for text, want := range map[string]string{
		"journal: {nonsense: 1}":             "line 1: there is no key nonsense",
		"journal: {max_bytes: many}":         "line 1: many: must be a whole number",
		"name: x\njournal: 5":                "line 2: 5: must be keys and values",
		"every: soon":                        "line 1: soon: must be a time such as 10s",
		"on: perhaps":                        "line 1: perhaps: must be true or false",
		"names: one":                         "line 1: one: must be a list",
		"name: [a]":                          "line 1: must be text",
		"share: half":                        "line 1: half: must be a number",
		"on: perhaps\nevery: soon\nzzz: 1\n": "line 1: perhaps: must be true or false; line 2: soon: must be a time such as 10s; line 3: there is no key zzz",
		"journal: {":                         "yaml: line 1:",
	} {
		path := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := LoadConfig(path, new(typed))
		if err == nil || !strings.HasPrefix(err.Error(), "configuration "+path+": "+want) || strings.Contains(err.Error(), "type") || strings.Contains(err.Error(), "service.") {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
