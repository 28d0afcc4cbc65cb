package evidence

import (
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/merkle"
)

// FormatVersion of a bundle.
const FormatVersion = 1

// Hash is a SHA-256 digest.
type Hash = merkle.Hash

// Kinds of a bundle.
const (
	WholeShipment = "shipment" // every leaf of every log
	OneMessage    = "message"  // one leaf with its inclusion proof
	HeadsLog      = "heads"    // consecutive anchors of one heads log
)

// Manifest is all of a bundle but its leaves.
type Manifest struct {
	Channel   string
	Chaincode string
	Shipment  string
	// Configs are configuration blocks, from the pinned one to the newest that any block below needs.
	Configs []fabricproof.Block
	// Blocks hold the transactions; ascending number.
	Blocks []fabricproof.Block
	// Records are the transactions that wrote the shipment's record, all of them in order, and any that wrote its
	// trackers' records.
	Records   []Position
	Instances []Instance
	// Attestations are peers' signed answers about blocks.
	Attestations []Attestation
	Logs         []Log
	// Outside are COSE_Sign1 messages of the shipment's trackers that are not in its logs: the one before the first and
	// the one after the last show that none is missing at the ends.
	Outside [][]byte
	// RuleSet is the canonical JSON of the rules that the shipment pinned; empty in a bundle of one message or of anchors,
	// and where it is not known.
	RuleSet []byte
	// Details are what the parties wrote about the shipment, as far as the bundle discloses it: in the order of their hashes, which the
	// shipment's record and its handovers name.
	Details [][]byte
	// Profiles are the documents by which messages were read of trackers that do not sign, canonical, in the order of their hashes. Without
	// one, what it read is not checked; ready ones every verifier has.
	Profiles [][]byte
}

// Instance is one ingest instance: one heads log.
type Instance struct {
	Ingest  string
	Anchors []Anchor // ascending position; not all need be given
}

// Anchor is a transaction that extended the heads log.
type Anchor struct {
	Position
	// Consistency proves the heads log's tree against that of the anchor before in the bundle; empty in the first.
	Consistency []Hash
}

// Attestation is a peer's signed answer about a block. The answer holds the whole block; the part that is equal to the
// block in the bundle is left out: Response = Head ‖ block data ‖ Tail.
type Attestation struct {
	fabricproof.Attestation // without the response
	Block                   uint64
	Head, Tail              []byte
}

// Log is one log of the shipment, on one ingest instance.
type Log struct {
	Instance int    // index in Manifest.Instances
	Heads    []Head // ascending; the last one is what the leaves must give
}

// Head is a log's state in an anchored heads log.
type Head struct {
	Anchor int    // index in the instance's anchors
	Index  uint64 // in the heads log
	Entry  []byte // the heads log's leaf
	Path   []Hash // inclusion proof at the anchor's size
}

// Leaf is one leaf of a log with its message. COSE is nil where the whole message is withheld, Pack where its readings
// are. Plain holds the envelope of a message that is not signed, or a note.
type Leaf struct {
	Entry      []byte
	COSE, Pack []byte
	Plain      []byte
}

// Proof places one leaf in a log: Path is its inclusion proof at the size of the log's last head.
type Proof struct {
	Log   int
	Index uint64
	Path  []Hash
	Leaf  Leaf
}

// Keys of the bundle's map.
const (
	keyVersion = iota
	keySubject
	keyConfigs
	keyBlocks
	keyRecords
	keyInstances
	keyAttestations
	keyLogs
	keyOutside
	keyRuleSet
	keyDetails
	keyProfiles
	keyLeaves
	keyProof
	keyHeadsLog
)

// Bounds. What comes before the leaves is held in memory, so it has a budget; a leaf is bounded by the largest message.
const (
	maxManifest = 512 << 20
	maxString   = 64 << 20
	maxPath     = 64
)

// blockData is the serialised common.BlockData of a block: what an attestation leaves out.
func blockData(b *fabricproof.Block) []byte {
	n := 0
	for _, e := range b.Envelopes {
		n += len(e) + 11
	}
	out := make([]byte, 0, n)
	for _, e := range b.Envelopes {
		out = append(out, 0x0a)
		for v := uint64(len(e)); ; v >>= 7 {
			if v < 0x80 {
				out = append(out, byte(v))
				break
			}
			out = append(out, byte(v)|0x80)
		}
		out = append(out, e...)
	}
	return out
}
