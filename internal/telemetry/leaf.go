package telemetry

import "github.com/trackseal/trackseal/internal/canon"

// Leaf kinds (docs/formats.md).
const (
	LeafSigned   = 0
	LeafNote     = 1
	LeafUnsigned = 5
)

// Leaf is one entry of a shipment's or a tracker's log.
type Leaf struct {
	Kind       uint8
	Hash       Hash // of cose_sign1, of the envelope, or of a note's bytes
	ReceivedMS int64
	Ingest     string
}

type leafEntry struct {
	_          struct{} `cbor:",toarray"`
	Version    uint64
	Kind       uint8
	Hash       []byte
	ReceivedMS int64
	Ingest     string
}

// Encode returns the deterministic CBOR entry.
func (l Leaf) Encode() []byte {
	return canon.MustMarshalCBOR(leafEntry{Version: 1, Kind: l.Kind, Hash: l.Hash[:], ReceivedMS: l.ReceivedMS, Ingest: l.Ingest})
}

// DecodeLeaf is strict: only bytes that Encode makes are accepted.
func DecodeLeaf(entry []byte) (Leaf, error) {
	var e leafEntry
	if err := decodeCanonical(entry, &e, "leaf entry"); err != nil {
		return Leaf{}, err
	}
	switch {
	case e.Version != 1:
		return Leaf{}, reject(Malformed, "leaf version %d", e.Version)
	case e.Kind != LeafSigned && e.Kind != LeafNote && e.Kind != LeafUnsigned:
		return Leaf{}, reject(Malformed, "leaf kind %d", e.Kind)
	case len(e.Hash) != 32:
		return Leaf{}, reject(Malformed, "leaf hash of %d bytes", len(e.Hash))
	case e.ReceivedMS < 0:
		return Leaf{}, reject(Malformed, "received_ms %d", e.ReceivedMS)
	case !ValidID(e.Ingest):
		return Leaf{}, reject(Malformed, "ingest id %q", e.Ingest)
	}
	return Leaf{Kind: e.Kind, Hash: Hash(e.Hash), ReceivedMS: e.ReceivedMS, Ingest: e.Ingest}, nil
}
