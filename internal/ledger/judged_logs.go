package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

var (
	// ErrKnowsLess: the logs leave out what others had.
	ErrKnowsLess = errors.New("knows less")
	// ErrOtherRoot: a log of one size has one root, and here it has two.
	ErrOtherRoot = errors.New("another root")
)

// SortLogs brings logs into the one order that records have.
func SortLogs(logs []LogHead) {
	slices.SortFunc(logs, func(a, b LogHead) int { return strings.Compare(a.Log, b.Log) })
}

// Covers reports whether a judgement from logs knows at least what one from earlier knew: every log of it, no shorter, and the
// same root where the size is the same. Both are in the order of their ids. The error is ErrKnowsLess or ErrOtherRoot.
func Covers(logs, earlier []LogHead) error {
	for _, e := range earlier {
		i, found := slices.BinarySearchFunc(logs, e.Log, func(h LogHead, id string) int { return strings.Compare(h.Log, id) })
		switch {
		case !found:
			return fmt.Errorf("%w: log %s is missing, of which %d leaves were known", ErrKnowsLess, e.Log, e.Size)
		case logs[i].Size < e.Size:
			return fmt.Errorf("%w: log %s has %d leaves, of which %d were known", ErrKnowsLess, e.Log, logs[i].Size, e.Size)
		case logs[i].Size == e.Size && logs[i].Root != e.Root:
			return fmt.Errorf("%w: log %s with %d leaves has root %s, not %s", ErrOtherRoot, e.Log, e.Size, e.Root, logs[i].Root)
		}
	}
	return nil
}
