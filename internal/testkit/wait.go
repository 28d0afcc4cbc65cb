package testkit

import (
	"testing"
	"time"
)

// WaitFor polls a condition until it holds, and fails the test when it does not within the bound.
func WaitFor(t testing.TB, bound time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(bound)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, bound)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
