package contract

import "github.com/trackseal/trackseal/internal/ledger"

// beats: the chain's own clock, which any member's node keeps going.
var beats = []function{
	change(ledger.BeatRenew, either, ledger.EventBeat, renew),
	read(ledger.BeatGet, func(t *transaction, _ ledger.NoArgs) (*ledger.Beat, error) {
		return existing[ledger.Beat](t, ledger.BeatKey(), "no node has renewed the beat yet")
	}),
}

// renew moves the beat on to the transaction's time, so it never runs backwards.
func renew(t *transaction, _ ledger.NoArgs) (*ledger.Beat, error) {
	b, err := get[ledger.Beat](t, ledger.BeatKey())
	switch {
	case err != nil:
		return nil, err
	case b != nil && t.TimeMS-b.TimeMS < ledger.BeatLeastMS:
		return nil, ledger.Refuse(ledger.Conflict, "%s renewed the beat at %d, less than %d ms before %d", b.By, b.TimeMS, ledger.BeatLeastMS, t.TimeMS)
	}
	next := &ledger.Beat{TimeMS: t.TimeMS, By: t.MSP, Tx: t.Tx}
	return next, t.put(ledger.BeatKey(), next)
}

// timed is a change whose time matters. It reads the beat, so that nobody can have it endorsed, wait for what happens, and decide
// then whether it has happened before: at the next renewal it dies, since what it read has changed. Peers compare its time with
// their clocks only when they endorse it.
func timed[A ledger.Argument, R any](fn ledger.Change[A, R], roles []string, event string, act func(*transaction, A) (*R, error)) function {
	return change(fn, roles, event, func(t *transaction, a A) (*R, error) {
		b, err := get[ledger.Beat](t, ledger.BeatKey())
		switch {
		case err != nil:
			return nil, err
		case b == nil:
			return nil, ledger.Refuse(ledger.NoBeat, "no node has renewed the beat yet")
		case t.TimeMS-b.TimeMS > ledger.BeatMaxAgeMS:
			return nil, ledger.Refuse(ledger.NoBeat, "no node has renewed the beat since %d, and the transaction's time is %d", b.TimeMS, t.TimeMS)
		case b.TimeMS-t.TimeMS > ledger.BeatMaxAgeMS:
			return nil, ledger.Refuse(ledger.NoBeat, "the transaction's time, %d, lies too far before the beat, %d: is the sender's clock right?", t.TimeMS, b.TimeMS)
		}
		return act(t, a)
	})
}
