package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/image/font/gofont/goregular"
)

func TestOpenStyle(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, raw []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	font, text := file("font.ttf", goregular.TTF), file("text.txt", []byte("hello"))
	for name, tc := range map[string]struct {
		cfg  ReportConfig
		want string // in the error, "" = none
	}{
		"what the machine has": {ReportConfig{}, ""},
		"no font":              {ReportConfig{Fonts: []string{}}, ""},
		"a font":               {ReportConfig{Fonts: []string{font}}, ""},
		"a font that is gone":  {ReportConfig{Fonts: []string{filepath.Join(dir, "none.ttf")}}, "report.fonts: " + dir},
		"no font's file":       {ReportConfig{Fonts: []string{font, text}}, "name a TrueType file (.ttf)"},
		"no picture":           {ReportConfig{Logo: text}, "report.logo: " + text + ": is no PNG or JPEG"},
		"no file":              {ReportConfig{Logo: filepath.Join(dir, "logo.png")}, "no such file"},
	} {
		style, err := openStyle(tc.cfg)
		switch {
		case tc.want == "" && (err != nil || style.Fonts == nil):
			t.Errorf("%s: %v, %+v", name, err, style)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: got %v, want an error with %q", name, err, tc.want)
		}
	}
}
