package steps

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func ok(outcome string) func(context.Context, func(string)) (string, error) {
	return func(context.Context, func(string)) (string, error) { return outcome, nil }
}

func TestRunStopsAtTheFirstError(t *testing.T) {
	var out bytes.Buffer
	boom := errors.New("boom")
	third := false
	err := Run(t.Context(), NewProgress(&out),
		Step{"one", ok("fine")},
		Step{"two", func(context.Context, func(string)) (string, error) { return "", boom }},
		Step{"three", func(context.Context, func(string)) (string, error) { third = true; return "", nil }},
	)
	if !errors.Is(err, boom) || err.Error() != "two: boom" {
		t.Error(err)
	}
	if third {
		t.Error("went on after an error")
	}
	got := regexp.MustCompile(`\d+\.\ds`).ReplaceAllString(out.String(), "TIME")
	if want := "✓    TIME  one            fine\n✗    TIME  two            failed\n"; got != want {
		t.Errorf("%q\nwant %q", got, want)
	}
}

func TestRunTellsAnInterruption(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	err := Run(ctx, NewProgress(&out), Step{"one", func(context.Context, func(string)) (string, error) {
		cancel()
		return "", errors.New("killed")
	}})
	if !errors.Is(err, context.Canceled) || !strings.Contains(out.String(), "interrupted") {
		t.Error(err, out.String())
	}
}

func TestMarkOnce(t *testing.T) {
	m := Mark(filepath.Join(t.TempDir(), "mark"))
	runs := 0
	work := func() error { runs++; return nil }
	for range 2 {
		if err := m.Once("a", work); err != nil {
			t.Fatal(err)
		}
	}
	if runs != 1 {
		t.Errorf("%d runs for one key", runs)
	}
	if err := m.Once("b", work); err != nil || runs != 2 {
		t.Errorf("another key: %d runs, %v", runs, err)
	}
	if err := m.Once("c", func() error { return errors.New("no") }); err == nil || !m.Is("b") {
		t.Error("a failure changed the mark")
	}
}

// Ensure a mark does not come back when the thing it marks was deleted.
func TestMarkNeedsItsFolder(t *testing.T) {
	m := Mark(filepath.Join(t.TempDir(), "gone", "mark"))
	if err := m.Set("a"); err == nil {
		t.Error("the folder was made")
	}
}

func TestMakeIsAllOrNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "thing")
	write := func(tmp string) error { return os.WriteFile(tmp, []byte("x"), 0o600) }
	if err := Make(path, func(tmp string) error { return errors.Join(write(tmp), errors.New("crash")) }); err == nil {
		t.Fatal("no error")
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
	// What a kill leaves behind is replaced.
	if err := os.Mkdir(filepath.Join(filepath.Dir(path), ".new-thing"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Make(path, write); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "x" {
		t.Error(err)
	}
}
