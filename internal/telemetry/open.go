package telemetry

import "slices"

// Opened is what a tracker said in one message.
type Opened struct {
	Signed   *Message  // nil for a message that carries no signature
	Hash     Hash      // what its leaf holds: of cose_sign1, or of the whole bytes
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

// Flawed reports whether a member of a reading gave no value.
func (o *Opened) Flawed() bool {
	return slices.ContainsFunc(o.Readings, func(r Reading) bool { return len(r.Flaws) > 0 })
}

// Open reads a tracker's message: nothing else makes readings of bytes. kind is that of its leaf, receivedMS the time for readings that
// come without one. profile says how a third party's payload is read; there is none but the empty one, the formats of docs/formats.md.
//
// Every error is a *Reject. Signatures are not checked: Message.Verify does. The answer may refer to raw, which must not change any more.
func Open(kind uint8, profile string, raw []byte, receivedMS int64) (Opened, error) {
	switch {
	case profile != "":
		return Opened{}, reject(Malformed, "payload profile %q is not known", profile)
	case kind == LeafSigned:
		m, err := Decode(raw)
		if err != nil {
			return Opened{}, err
		}
		return Opened{Signed: m, Hash: m.COSEHash, TimeMS: m.TimeMS, Readings: m.Readings}, nil
	case kind == LeafUnsigned:
		return decodePlain(raw, receivedMS)
	}
	return Opened{}, reject(Malformed, "a leaf of kind %d holds no tracker's message", kind)
}
