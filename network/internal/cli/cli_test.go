package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/network/internal/launcher"
)

// A reset is agreed to by a person who types yes, or by --yes.
func TestResetAsks(t *testing.T) {
	for _, tt := range []struct {
		name        string
		args        []string
		answer      string
		interactive bool
		wantCode    int
	}{
		{"yes", nil, "yes\n", true, 0},
		{"no", nil, "no\n", true, 1},
		{"a letter is not enough", nil, "y\n", true, 1},
		{"end of the input", nil, "", true, 1},
		{"nobody to ask", nil, "yes\n", false, 2},
		{"--yes", []string{"--yes"}, "", false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "stack")
			key := filepath.Join(dir, "tls", "ca.key")
			for _, f := range []string{filepath.Join(dir, "run", "launcher.lock"), key} {
				if err := os.MkdirAll(filepath.Dir(f), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(f, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var out bytes.Buffer
			err := Run(t.Context(), append([]string{"reset", "--dir", dir}, tt.args...), Terminal{In: strings.NewReader(tt.answer), Out: &out, Err: &out, Interactive: tt.interactive})
			if code := Code(err); code != tt.wantCode {
				t.Errorf("exit %d (%v), want %d\n%s", code, err, tt.wantCode, &out)
			}
			if _, err := os.Stat(key); (err == nil) == (tt.wantCode == 0) {
				t.Errorf("the key is there: %t\n%s", err == nil, &out)
			}
			if !strings.Contains(out.String(), "the stack's authority and its keys") {
				t.Errorf("it was not said what is deleted:\n%s", &out)
			}
		})
	}
}

func TestCode(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, 0}, {errors.New("x"), 1}, {fmt.Errorf("a: %w", launcher.ErrNotReady), 1}, {launcher.Misuse{Err: errors.New("x")}, 2}, {launcher.ErrDown, 3},
	} {
		if got := Code(tt.err); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.err, got, tt.want)
		}
	}
}
