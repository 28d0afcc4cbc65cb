package launcher

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// One process that is not ready does not keep the others waiting; at the end it is named with its reason, which is told all the while.
func TestOneUnreadyProcess(t *testing.T) {
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	stopped(t, l)
	bad, good := fakeSpec(t, l, topology.IngestProcess(operator), "disk is almost full"), fakeSpec(t, l, topology.APIProcess("carrier"), "")
	for _, s := range []proc.Spec{bad, good} {
		if err := l.begin(t.Context(), &counter{}, s, nil); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	told := map[string]bool{}
	note := func(s string) {
		mu.Lock()
		defer mu.Unlock()
		told[s] = true
	}
	quick := patienceOf{start: 20 * time.Second, same: 200 * time.Millisecond}
	_, err := l.awaitAll(t.Context(), note, quick)
	if want := "not ready: ingest-carrier: journal: disk is almost full"; !errors.Is(err, ErrNotReady) || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	if !slices.ContainsFunc(slices.Collect(maps.Keys(told)), func(s string) bool { return strings.HasPrefix(s, "ingest-carrier: journal: disk is almost full") }) {
		t.Errorf("told while it waited: %v", told)
	}
	if err := l.ready(t.Context(), good, quick, nil); err != nil {
		t.Error(err)
	}
	// What is not set up is waited for, and fails for good; an interruption is none of both.
	var isLate *late
	if err := l.ready(t.Context(), bad, quick, nil); !errors.As(err, &isLate) || isLate.process != bad.Name {
		t.Errorf("%v, want that %s is late", err, bad.Name)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.awaitAll(ctx, note, quick); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want an interruption", err)
	}
	if err := l.await(ctx, bad, true); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want an interruption", err)
	}
}

func TestAllReady(t *testing.T) {
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	stopped(t, l)
	for _, name := range []string{topology.IngestProcess(operator), topology.APIProcess("carrier")} {
		if err := l.begin(t.Context(), &counter{}, fakeSpec(t, l, name, ""), nil); err != nil {
			t.Fatal(err)
		}
	}
	if said, err := l.awaitAll(t.Context(), func(string) {}, first); err != nil || said != "2 processes" {
		t.Errorf("%q %v", said, err)
	}
}
