package httpapi_test

import (
	"reflect"
	"testing"
)

// want ends the test unless it got what it wants, and says both.
func want[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// present is what a member holds that may be absent; without it the test ends.
func present[T any](t *testing.T, what string, v *T) T {
	t.Helper()
	if v == nil {
		t.Fatalf("%s: got none, want one", what)
	}
	return *v
}
