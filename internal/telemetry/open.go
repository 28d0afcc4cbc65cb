package telemetry

import "slices"

// Opened is what a tracker said in one message.
type Opened struct {
	Tracker  string    // whose it is: signed, or by the envelope
	Signed   *Message  // nil for a message that carries no signature
	Envelope *Envelope // nil for a signed one
	Hash     Hash      // what its leaf holds: of cose_sign1, or of the envelope
	TimeMS   int64     // signed, or of the first reading that is dated
	Readings []Reading // ascending time
	// Seq and Timed are of a message without a signature: the highest seq that it gives, and whether every reading came with its time.
	Seq   *uint64
	Timed bool
}

// NextDueS is the promise of the next message in so many seconds; 0 = none.
func (o *Opened) NextDueS() uint64 {
	if o.Signed == nil {
		return 0
	}
	return o.Signed.NextDueS
}

// Flags are the reason codes that the message's own content gives it, by when it was received: flawed, clock_ahead and clock_behind.
func (o *Opened) Flags(receivedMS int64) (flags []Reason) {
	note := func(r Reason) {
		if r != "" && !slices.Contains(flags, r) {
			flags = append(flags, r)
		}
	}
	note(Undated(o.TimeMS, receivedMS))
	for i := range o.Readings {
		r := &o.Readings[i]
		note(Undated(r.TimeMS, receivedMS))
		if len(r.Flaws) > 0 {
			note(Flawed)
		}
	}
	return flags
}

// Aside are the values of a message that were reported and do not count, by when it was received: undated ones, and those that contradict each other.
func (o *Opened) Aside(receivedMS int64) []Aside { return AsideOf(o.Readings, receivedMS) }

// AsideOf does the same for the readings alone.
func AsideOf(readings []Reading, receivedMS int64) (out []Aside) {
	for i := range readings {
		r := &readings[i]
		if why := Undated(r.TimeMS, receivedMS); why != "" && len(r.Values) > 0 {
			out = append(out, Aside{why, r.Values})
		}
		for j := range r.Flaws {
			f := &r.Flaws[j]
			if v, ok := f.Value(); ok && f.Reason == Repeated { // what is out of range is told as a fault: Said
				out = append(out, Aside{f.Reason, map[string]float64{f.Name: v}})
			}
		}
	}
	return out
}

// AsideFlags are the flags of messages that may hold what is set aside.
var AsideFlags = []Reason{Flawed, ClockAhead, ClockBehind}

// SetsAside reports whether a message's flags have one of them.
func SetsAside(flags []string) bool {
	return slices.ContainsFunc(flags, func(f string) bool { return slices.Contains(AsideFlags, Reason(f)) })
}

// Aside is what was reported at once and does not count, and why: clock_behind, clock_ahead or repeated.
type Aside struct {
	Why    Reason
	Values map[string]float64
}

// Open reads a tracker's message: nothing else makes readings of bytes. kind is that of its leaf, raw what the leaf names: a signed message or
// an envelope. receivedMS is the time for readings that come without one.
//
// Every error is a *Reject. Signatures are not checked: Message.Verify does. The answer may refer to raw, which must not change any more.
func Open(kind uint8, raw []byte, receivedMS int64) (Opened, error) {
	switch kind {
	case LeafSigned:
		m, err := Decode(raw)
		if err != nil {
			return Opened{}, err
		}
		return Opened{Tracker: m.Tracker, Signed: m, Hash: m.COSEHash, TimeMS: m.TimeMS, Readings: m.Readings}, nil
	case LeafUnsigned:
		e, err := DecodeEnvelope(raw)
		if err != nil {
			return Opened{}, err
		}
		return e.open(raw, receivedMS)
	}
	return Opened{}, reject(Malformed, "a leaf of kind %d holds no tracker's message", kind)
}
