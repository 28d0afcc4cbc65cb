package telemetry

// Leaf kinds (docs/formats.md).
const (
	LeafSigned   = 0
	LeafNote     = 1
	LeafUnsigned = 5
)

// Leaf is one entry of a shipment's or a tracker's log.
type Leaf struct {
	Kind       uint8
	Hash       Hash // of cose_sign1, or of the JSON bytes
	ReceivedMS int64
	Ingest     string
}

// Encode returns the deterministic CBOR entry.
func (l Leaf) Encode() []byte { panic("todo") }

// DecodeLeaf is strict: only bytes that Encode makes are accepted.
func DecodeLeaf(entry []byte) (Leaf, error) { panic("todo") }
