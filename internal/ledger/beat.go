package ledger

import "context"

// Beat is the chain's own clock: the newest time that a member's node has put on it. A transaction's time is its client's word,
// and once endorsed it can be held back. One whose time matters therefore reads the beat: it is refused when its time is far from
// the beat's, and after the next renewal what it read is no longer so, and the peers find it invalid.
type Beat struct {
	TimeMS int64  `json:"time_ms"`
	By     string `json:"by"` // MSP id
	Tx     string `json:"tx"`
}

const (
	// BeatEveryMS is how old the beat may become before nodes renew it.
	BeatEveryMS = 30_000
	// BeatLeastMS is how old it must be for that: four nodes shall not renew it one after the other.
	BeatLeastMS = 20_000
	// BeatMaxAgeMS is how far the time of a transaction that reads the beat may be from the beat's, either way.
	BeatMaxAgeMS = SkewMS + BeatEveryMS
)

// NoArgs is the argument of a transaction that takes none: {}.
type NoArgs struct{}

func (NoArgs) Validate() error { return nil }

// onBeat submits, and once more with a renewed beat when the ledger says that it lacks one.
func onBeat(ctx context.Context, l Submitter, fn string, arg any) (Result, error) {
	result, err := l.Submit(ctx, fn, arg)
	if CodeOf(err) != NoBeat {
		return result, err
	}
	// A refusal means that another node was first.
	if _, renewErr := l.Submit(ctx, BeatRenew.Name(), NoArgs{}); renewErr != nil && CodeOf(renewErr) != Conflict {
		return result, err
	}
	return l.Submit(ctx, fn, arg)
}
