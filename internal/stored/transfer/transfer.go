// Package transfer has the shapes in which an operator's node gives another member's node its copy of what is stored: pages of a log's
// messages, heads with their proofs, the quality of readings, and messages from outside of a shipment's logs. Each answer is one
// deterministic CBOR array (docs/formats.md).
package transfer

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/canon"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/stored"
)

// MediaType of the answers.
const MediaType = "application/cbor"

// Bounds of one page. A page ends when it has so many items, or with the item by which it reaches so many bytes.
const (
	MaxMessages = 2000
	MaxHeads    = 1000
	MaxFlags    = 2000
	MaxOutside  = 2000
	MaxBytes    = 4 << 20
	// MaxAnswer is more than any page has, in bytes.
	MaxAnswer = MaxBytes + 1<<20
	// MaxQualityMS is the longest time that one answer about quality covers.
	MaxQualityMS = 49 * 3_600_000
)

// What an operator's node answers instead of a page. Every other error is that it could not be asked.
var (
	ErrNone = errors.New("the operator has no such thing for us")
	ErrFar  = errors.New("too much came since")
	// ErrForm: what came is not what was asked for.
	ErrForm = errors.New("the operator's answer is not in its form")
)

// Messages are the leaves of a log from the number asked for on, without a hole.
type Messages struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Items   []Message
}

// Message is one leaf: its entry, and what stands behind it. Raw is empty where only entries were asked for.
type Message struct {
	_     struct{} `cbor:",toarray"`
	Entry []byte
	Raw   []byte
	Flags []string // reason codes: only who receives messages can tell
}

// Heads of logs that the caller may read, in the order of their numbers in the heads log.
type Heads struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Items   []Head
	Next    uint64 // every head below this number is given here or was before
}

// Head is an anchored leaf of the heads log with its place. What the leaf itself says is in Entry alone.
type Head struct {
	_         struct{} `cbor:",toarray"`
	Index     uint64
	Entry     []byte
	Path      [][]byte // inclusion of Index at HeadsSize
	HeadsSize uint64
	HeadsRoot []byte
	Tx        string
	TimeMS    int64
}

// Quality is how good a tracker's readings were: hours for its owner, odd readings for a party of the shipment in which they are.
type Quality struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Hours   []Hour
	Flags   []Flag
}

// Hour is a stored.QualityHour of the tracker.
type Hour struct {
	_                           struct{} `cbor:",toarray"`
	StartMS                     int64
	Readings, Minutes, Expected int64
	Flags                       map[string]int64
}

// Flag is a stored.QualityFlag of the tracker.
type Flag struct {
	_              struct{} `cbor:",toarray"`
	Shipment       string
	Reason, Metric string
	TimeMS         int64
	Value, Against float64
}

// Outside are signed messages of a shipment's trackers, without what they measured: each a cose_sign1.
type Outside struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Items   [][]byte
}

const version = 1

// Encode and decode. Decoding takes only the bytes that encoding makes.

func (m Messages) Encode() []byte { m.Version = version; return canon.MustMarshalCBOR(m) }
func (h Heads) Encode() []byte    { h.Version = version; return canon.MustMarshalCBOR(h) }
func (q Quality) Encode() []byte  { q.Version = version; return canon.MustMarshalCBOR(q) }
func (o Outside) Encode() []byte  { o.Version = version; return canon.MustMarshalCBOR(o) }

// DecodeMessages reads a page of messages.
func DecodeMessages(raw []byte) (m Messages, err error) {
	err = decode(raw, "messages", &m, &m.Version)
	return m, err
}

// DecodeHeads reads a page of heads.
func DecodeHeads(raw []byte) (h Heads, err error) {
	err = decode(raw, "heads", &h, &h.Version)
	return h, err
}

// DecodeQuality reads the quality of a tracker's readings.
func DecodeQuality(raw []byte) (q Quality, err error) {
	err = decode(raw, "quality", &q, &q.Version)
	return q, err
}

// DecodeOutside reads messages from outside of a shipment's logs.
func DecodeOutside(raw []byte) (o Outside, err error) {
	err = decode(raw, "messages from outside", &o, &o.Version)
	return o, err
}

func decode(raw []byte, what string, into any, got *uint64) error {
	if err := canon.UnmarshalCBOR(raw, into); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrForm, what, err)
	}
	if *got != version {
		return fmt.Errorf("%w: %s: version %d is not known", ErrForm, what, *got)
	}
	return nil
}

// HeadOf gives a stored head as it travels. A stored head that is damaged travels damaged: who takes it checks it.
func HeadOf(h *stored.Head) Head {
	t := Head{Index: h.Index, Entry: h.Entry, Path: [][]byte{}, HeadsSize: h.HeadsSize, Tx: h.Tx, TimeMS: h.TimeMS}
	t.HeadsRoot, _ = hex.DecodeString(h.HeadsRoot)
	for _, p := range h.Proof {
		t.Path = append(t.Path, p[:])
	}
	return t
}

// Stored is the head as a store keeps it, in the heads log with this id, once it is known to stand where it says: the leaf is one, and its
// path leads to the root. That the ledger has the root is the caller's to ask, and so is the block.
func (h *Head) Stored(heads string) (stored.Head, error) {
	leaf, err := anchor.DecodeHeadLeaf(h.Entry)
	if err != nil {
		return stored.Head{}, err
	}
	if len(h.HeadsRoot) != 32 || len(h.Path) > 64 {
		return stored.Head{}, fmt.Errorf("a root of %d bytes, a path of %d hashes", len(h.HeadsRoot), len(h.Path))
	}
	s := stored.Head{Heads: heads, Log: hex.EncodeToString(leaf.Log[:]), Index: h.Index, Size: leaf.Size, Root: hex.EncodeToString(leaf.Root[:]), Prev: -1, Closed: leaf.Closed,
		Entry: h.Entry, HeadsSize: h.HeadsSize, HeadsRoot: hex.EncodeToString(h.HeadsRoot), Tx: h.Tx, TimeMS: h.TimeMS}
	if leaf.Prev != nil {
		s.Prev = int64(*leaf.Prev)
	}
	for _, p := range h.Path {
		if len(p) != 32 {
			return stored.Head{}, fmt.Errorf("a hash of %d bytes in the path", len(p))
		}
		s.Proof = append(s.Proof, [32]byte(p))
	}
	return s, merkle.VerifyInclusion(h.Index, h.HeadsSize, merkle.LeafHash(h.Entry), s.Proof, merkle.Hash(h.HeadsRoot))
}
