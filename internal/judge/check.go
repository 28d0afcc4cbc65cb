package judge

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/journey"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/stored"
)

// Leaves is where a log's messages are read. See Store.
type Leaves interface {
	Messages(ctx context.Context, log string, from, to uint64, fn func(stored.Message) error) error
}

// Why a verdict cannot be compared with what the own judge says of the same leaves.
var (
	// ErrAhead: it was judged from leaves that the store does not have.
	ErrAhead = errors.New("judged from more than is here")
	// ErrOtherHistory: a log that it names had another root when it was as long.
	ErrOtherHistory = errors.New("judged from another history")
)

// Checked is what the own judge says of a verdict.
type Checked struct {
	Right   bool // the same result, up to the same time, follows from the leaves that it names
	Result  compliance.Result
	Parting Parting // where the findings part, as far as the verdict's detail tells; also of the same result there may be others
	Err     error   // ErrAhead or ErrOtherHistory, which name the log; then nothing else is known
}

// Check compares verdicts of a shipment with what this judge says of as much of its logs, by the record as it was then. Each log is read
// once, whatever the number of verdicts. Errors are the store's.
func Check(ctx context.Context, store Leaves, s *ledger.Shipment, handovers []ledger.Handover, rules *compliance.RuleSet, verdicts []ledger.Verdict) ([]Checked, error) {
	wanted := map[string]map[uint64]bool{}
	for _, v := range verdicts {
		for _, h := range v.Logs {
			if wanted[h.Log] == nil {
				wanted[h.Log] = map[uint64]bool{}
			}
			wanted[h.Log][h.Size] = true
		}
	}
	logs := map[string]*reading{}
	for log, sizes := range wanted {
		r, err := readLog(ctx, store, log, sizes, rules.Promised())
		if err != nil {
			return nil, err
		}
		logs[log] = r
	}
	out := make([]Checked, len(verdicts))
	for i := range verdicts {
		var err error
		if out[i], err = check(s, handovers, rules, &verdicts[i], logs); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// reading is a log as far as it was asked for, without a gap.
type reading struct {
	size     uint64
	readings []compliance.Reading
	at       map[uint64]reached // by size
}

type reached struct {
	root merkle.Hash
	n    int // readings until then
}

func readLog(ctx context.Context, store Leaves, log string, sizes map[uint64]bool, due bool) (*reading, error) {
	var id [32]byte
	if n, err := hex.Decode(id[:], []byte(log)); err != nil || n != len(id) {
		return &reading{}, nil // none that anybody can have
	}
	most := uint64(0)
	for size := range sizes {
		most = max(most, size)
	}
	r := &reading{at: map[uint64]reached{}}
	var tree merkle.Log
	err := store.Messages(ctx, log, 0, most, func(m stored.Message) error {
		if m.Leaf != r.size {
			return nil // behind a gap
		}
		t, err := take(fromStore(&m, id), due)
		if err != nil {
			return err
		}
		tree.Append(t.hash, nil)
		r.readings = append(r.readings, t.readings...)
		if r.size++; sizes[r.size] {
			r.at[r.size] = reached{tree.Root(), len(r.readings)}
		}
		return nil
	})
	return r, err
}

func check(s *ledger.Shipment, handovers []ledger.Handover, rules *compliance.RuleSet, v *ledger.Verdict, logs map[string]*reading) (Checked, error) {
	if at := findings(v).Record.LastMS; at > s.LastMS {
		return Checked{Err: fmt.Errorf("%w: by a record of the shipment that is newer than the one here", ErrAhead)}, nil
	}
	var all []compliance.Reading
	for _, h := range v.Logs {
		at, ok := logs[h.Log].at[h.Size]
		switch {
		case !ok:
			return Checked{Err: fmt.Errorf("%w: log %s with %d leaves, of which %d are here", ErrAhead, h.Log, h.Size, logs[h.Log].size)}, nil
		case hex.EncodeToString(at.root[:]) != h.Root:
			return Checked{Err: fmt.Errorf("%w of log %s", ErrOtherHistory, h.Log)}, nil
		}
		all = append(all, logs[h.Log].readings[:at.n]...)
	}
	if !rules.Promised() {
		for i := range all {
			all[i].Point.NextDueS = 0
		}
	}
	past, ended := journey.At(*s, handovers, recordOf(s, v))
	r, err := compliance.Judge(*rules, journey.Of(past, ended, nil), all, 0)
	if err != nil {
		return Checked{}, err
	}
	return Checked{Right: r.Verdict == v.Result && r.ToMS == v.ToMS, Result: r, Parting: Part(v, &r)}, nil
}

// slackMS is how long before it came to the ledger a verdict's record may have been read.
const slackMS = 600_000

// recordOf is the state of the shipment's record by which a verdict says that it was judged; one without that word was judged by the present
// one. A party cannot choose another: it had a tracker, else nothing would be in the logs, and it was not much older than the verdict.
func recordOf(s *ledger.Shipment, v *ledger.Verdict) journey.State {
	at := findings(v).Record
	if at.LastMS == 0 {
		return journey.StateOf(*s)
	}
	at.LastMS = max(at.LastMS, v.TimeMS-slackMS)
	if len(v.Logs) > 0 {
		at.Assignments = max(at.Assignments, 1)
	}
	return at
}
