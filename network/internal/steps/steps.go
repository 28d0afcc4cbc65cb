// Package steps runs an ordered list of idempotent steps with visible progress. What a step has achieved is kept in marks,
// written after the effect: a crash between the two only means that the step is done again.
package steps

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/trackseal/trackseal/network/internal/proc"
)

// Step is one unit of work that may be repeated without harm.
type Step struct {
	Name string
	// Run does the work, or finds it done. The outcome is a few words for the operator.
	Run func(ctx context.Context, note func(string)) (outcome string, err error)
}

// Run does the steps in their order and stops at the first error, which it names.
func Run(ctx context.Context, p *Progress, list ...Step) error {
	for _, s := range list {
		line := p.begin(s.Name)
		outcome, err := s.Run(ctx, line.note)
		if ctx.Err() != nil && err != nil {
			line.end("interrupted", false)
			return fmt.Errorf("%s: %w", s.Name, ctx.Err())
		}
		if err != nil {
			line.end("failed", false)
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		line.end(outcome, true)
	}
	return nil
}

// Mark is a file that says that something was done, and with which key.
type Mark string

// Is tells whether the mark was set with the key.
func (m Mark) Is(key string) bool {
	data, err := os.ReadFile(string(m))
	return err == nil && strings.TrimSpace(string(data)) == key
}

// Exists tells whether the mark was set with any key.
func (m Mark) Exists() bool {
	_, err := os.Stat(string(m))
	return err == nil
}

// Set writes the mark. Its folder must exist: when the marked thing was deleted, its mark must not come back.
func (m Mark) Set(key string) error {
	return proc.WriteFile(string(m), []byte(key+"\n"), 0o600)
}

// Once runs fn unless the mark has the key, and sets the mark afterwards.
func (m Mark) Once(key string, fn func() error) error {
	if m.Is(key) {
		return nil
	}
	if err := fn(); err != nil {
		return err
	}
	return m.Set(key)
}

// Make fills a new folder or file under a temporary name and gives it its name only when it is complete. Leftovers of
// earlier attempts are removed.
func Make(path string, fill func(tmp string) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	tmp := filepath.Join(filepath.Dir(path), ".new-"+filepath.Base(path))
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if err := fill(tmp); err != nil {
		return errors.Join(err, os.RemoveAll(tmp))
	}
	return os.Rename(tmp, path)
}
