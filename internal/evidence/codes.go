// Package evidence verifies, offline, what a shipment went through: it reads an evidence bundle and an auditor's policy and
// answers five questions, each with pass, fail or unknown, and with findings that say what was expected, what was found and
// where. docs/evidence-format.md gives the bundle byte by byte. Pure: no network, no clock, no Fabric library, so the same
// code runs in the program verify and in a browser.
package evidence

import "github.com/trackseal/trackseal/internal/evidence/fabricproof"

// Code names one kind of finding. E_ means that a verdict cannot pass, W_ is worth knowing. The text of a code never
// changes.
type Code = fabricproof.Code

// Codes of this package; fabricproof has those of the ledger's own structures.
const (
	BundleFormat Code = "E_BUNDLE_FORMAT" // not a bundle of this version in its one valid form

	TxInvalid    Code = "E_TX_INVALID"     // peers say that the transaction was not valid
	NotFinal     Code = "E_NOT_FINAL"      // too few organisations have shown that the transaction is valid
	SplitView    Code = "E_SPLIT_VIEW"     // a peer shows another block at this height
	Stale        Code = "E_STALE"          // a signed answer does not carry the auditor's nonce
	RecordChain  Code = "E_RECORD_CHAIN"   // a change of the shipment's record is missing or contradicts another
	Open         Code = "E_OPEN"           // the shipment's first record is missing or not create-only
	NotClosed    Code = "E_NOT_CLOSED"     // the shipment has no closing record yet
	CloseDiffers Code = "E_CLOSE_MISMATCH" // the closing record names other logs than the bundle holds

	DetailsDiffer Code = "E_DETAILS" // details that the shipment's record does not name

	RecordTime Code = "E_RECORD_TIME" // a time in the shipment's record is not its transaction's, or the chain contradicts it

	AnchorValue   Code = "E_ANCHOR_VALUE"   // an anchor's record is not what its transaction asked for
	HeadsFork     Code = "E_HEADS_FORK"     // a heads log was rewritten between two anchors
	HeadInclusion Code = "E_HEAD_INCLUSION" // a log's head is not in the anchored heads log, or skips one
	ShipRoot      Code = "E_SHIP_ROOT"      // the leaves do not give the log's final root
	ShipPrefix    Code = "E_SHIP_PREFIX"    // the leaves do not give the root of an earlier anchor
	LeafInclusion Code = "E_LEAF_INCLUSION" // selective proof: the leaf is not in the log

	MsgHash        Code = "E_MSG_HASH"    // the message is not the one that was logged
	MsgCanon       Code = "E_MSG_CANON"   // the message is not in its one valid form
	Alg            Code = "E_ALG"         // signed with another algorithm than the key was enrolled for
	KeyUnknown     Code = "E_KEY_UNKNOWN" // signed with a key that was never the tracker's
	KeyWindow      Code = "E_KEY_WINDOW"  // signed with a key before or after its time
	KeyRevoked     Code = "E_KEY_REVOKED" // received or anchored after the tracker was revoked
	MsgSig         Code = "E_MSG_SIG"     // the tracker's signature does not verify
	Unbound        Code = "E_UNBOUND"     // the tracker was not assigned to the shipment at that time
	Pack           Code = "E_PACK"        // the readings are not those that were signed
	Withheld       Code = "E_WITHHELD"    // a whole message is withheld, so it cannot be checked
	Unsigned       Code = "E_UNSIGNED"    // a message of a tracker that cannot sign
	WrongProfile   Code = "E_PROFILE"     // read by a profile that was not the tracker's then
	NoProfile      Code = "E_NO_PROFILE"  // the profile by which it was read is not there, or not known to this program
	ReadDiffers    Code = "E_READ"        // what was read of the message is not what its profile reads
	DecodedDiffers Code = "E_DECODED"     // what the codec made is not what it makes
	NotDecoded     Code = "E_NOT_DECODED" // what the codec made was not checked
	Fork           Code = "E_FORK"        // two messages of one tracker with the same boot and seq

	SeqGap      Code = "E_SEQ_GAP"      // a message is missing
	ChainBreak  Code = "E_CHAIN_BREAK"  // a message does not link to the one before it
	BootRegress Code = "E_BOOT_REGRESS" // a tracker went back to an earlier boot or position
	GapLimit    Code = "E_GAP_LIMIT"    // more declared losses than the policy accepts
	StartOpen   Code = "E_START_OPEN"   // nothing shows that no message came before the first
	TailOpen    Code = "E_TAIL_OPEN"    // nothing shows that no message came after the last
	NoMessage   Code = "E_NO_MESSAGE"   // an assigned tracker has no message at all
	NotWhole    Code = "E_NOT_WHOLE"    // a selective proof: says nothing of the other messages

	Rules            Code = "E_RULES"             // the rules in the bundle are not those that the shipment pinned
	RulesBroken      Code = "E_NOT_COMPLIANT"     // a rule was broken
	NotConclusive    Code = "E_INCONCLUSIVE"      // no rule was seen to be broken, but something is not known
	Claim            Code = "E_VERDICT"           // the ledger's verdict is not what the readings and the pinned rules give
	BreachMissing    Code = "E_BREACH"            // the peers verified a breach that the judgement does not contain
	StrayBreach      Code = "E_STRAY_READINGS"    // readings outside of the windows break a rule that the judged ones keep
	RecordedTrip     Code = "E_RECORDED"          // a window was stated after it was over, and the policy does not accept that
	ReadingsWithheld Code = "E_READINGS_WITHHELD" // not all readings are there to be judged
	NotJudged        Code = "E_NOT_JUDGED"        // the rules are not known, or there is only one message

	BeforeBeacon Code = "E_TIME_BEFORE_BEACON" // was received before an anchor that it names
	SlowClock    Code = "E_CLOCK_BEHIND"       // says it was signed before an anchor that it names: a slow clock, or dated back
	Future       Code = "E_TIME_FUTURE"        // received after it was anchored

	GapDeclared    Code = "W_GAP_DECLARED" // the tracker lost messages and said so
	Reboot         Code = "W_REBOOT"       // the tracker restarted
	Undated        Code = "W_UNDATED"      // a tracker's clock was wrong: its messages are its own, their times say nothing
	ClockStep      Code = "W_CLOCK_STEP"   // the tracker's clock went back
	Silence        Code = "W_SILENCE"      // the tracker was silent for longer than it had promised
	ReceivedOrder  Code = "W_RECEIVED_ORDER"
	Duplicate      Code = "W_DUPLICATE" // the same message was logged twice
	PackWithheld   Code = "W_PACK_WITHHELD"
	UnsignedOK     Code = "W_UNSIGNED" // accepted by the policy
	NoNonce        Code = "W_NO_NONCE" // the signed answers may be old: no nonce was given to compare
	NoDefinition   Code = "W_CC_DEFINITION"
	JoinedOK       Code = "W_JOINED"         // an organisation that joined the channel, whose roots are not pinned: accepted by the policy
	NewLife        Code = "W_NEW_LIFE"       // an ingest instance went on with a new journal: its earlier logs were anchored again
	OldClaim       Code = "W_OLD_VERDICT"    // the ledger's verdict was made from less than the whole logs
	FalseOpinion   Code = "W_OPINION"        // a party's verdict is not what the readings and the pinned rules give, another's is
	StrayReading   Code = "W_STRAY_READINGS" // readings outside of the windows, which change nothing
	StatedTime     Code = "W_STATED_TIME"    // both sides of a handover stated another time than the ledger's
	RecordedWindow Code = "W_RECORDED"       // a window was stated after it was over: accepted by the policy
	NoClaim        Code = "W_NO_VERDICT"     // the ledger held no verdict when the shipment was closed
)

// Question is one of the five that a report answers.
type Question string

// The questions, in the order in which a report gives them.
const (
	Authentic Question = "authentic" // the messages are the trackers'
	Anchored  Question = "anchored"  // the consortium's ledger holds their root
	Final     Question = "final"     // enough organisations hold that ledger state as valid
	Complete  Question = "complete"  // nothing was left out
	Compliant Question = "compliant" // the rules were kept
)

// Questions in their order.
var Questions = []Question{Authentic, Anchored, Final, Complete, Compliant}

// Status answers a question.
type Status string

// The answers; Unknown is never a pass.
const (
	Pass    Status = "pass"
	Fail    Status = "fail"
	Unknown Status = "unknown"
)

// Severity is what a finding does to its question: fail and unknown decide it, warn does not.
type Severity string

const (
	Failure         Severity = "fail"
	severityUnknown Severity = "unknown"
	severityWarn    Severity = "warn"
)

// questionOf says which verdict a code belongs to. Codes of fabricproof are about the anchor unless listed.
var questionOf = map[Code]Question{
	BundleFormat: Authentic,
	TxInvalid:    Final, NotFinal: Final, SplitView: Final, Stale: Final, NoNonce: Final, fabricproof.Attest: Final,
	RecordChain: Complete, Open: Complete, NotClosed: Complete, CloseDiffers: Complete, RecordTime: Complete,
	AnchorValue: Anchored, HeadsFork: Anchored, HeadInclusion: Anchored, ShipRoot: Anchored, ShipPrefix: Anchored,
	LeafInclusion: Anchored,
	MsgHash:       Authentic, MsgCanon: Authentic, Alg: Authentic, KeyUnknown: Authentic, KeyWindow: Authentic,
	KeyRevoked: Authentic, MsgSig: Authentic, Unbound: Authentic, Pack: Authentic, Withheld: Authentic, Unsigned: Authentic,
	WrongProfile: Authentic, NoProfile: Authentic, ReadDiffers: Authentic, DecodedDiffers: Authentic, NotDecoded: Authentic,
	Fork: Authentic, BeforeBeacon: Authentic, Future: Authentic, Undated: Authentic, ClockStep: Authentic, ReceivedOrder: Authentic,
	PackWithheld: Authentic, UnsignedOK: Authentic,
	SeqGap: Complete, ChainBreak: Complete, BootRegress: Complete, GapLimit: Complete, StartOpen: Complete, TailOpen: Complete,
	NoMessage: Complete, NotWhole: Complete, GapDeclared: Complete, Reboot: Complete, Silence: Complete, Duplicate: Complete, NewLife: Complete,
	Rules: Authentic, DetailsDiffer: Authentic, NotJudged: Compliant, RulesBroken: Compliant, NotConclusive: Compliant, Claim: Compliant, ReadingsWithheld: Compliant,
	OldClaim: Compliant, FalseOpinion: Compliant, NoClaim: Compliant, BreachMissing: Compliant, StrayBreach: Compliant, StrayReading: Compliant,
	RecordedTrip: Compliant, SlowClock: Compliant, StatedTime: Compliant, RecordedWindow: Compliant,
}

func question(c Code) Question {
	if q, ok := questionOf[c]; ok {
		return q
	}
	return Anchored
}
