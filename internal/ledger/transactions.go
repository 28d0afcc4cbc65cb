package ledger

import "github.com/trackseal/trackseal/internal/telemetry"

// The transactions. Each takes exactly one argument, a JSON object of the type named, and answers JSON.
//
// A change needs the certificate attribute trackseal.role: operator for member, tracker, shipment, ruleset, profile and what a person signs
// (Acknowledge, Dispose), ingest for anchor and excursions, either for Revise, Breach, partition and beat. What belongs to a shipment is
// NOT_FOUND to all but its parties. All but member:Get, List and Proposals are FORBIDDEN to a member that has left or was evicted.
const (
	MemberFound Change[FoundArgs, Founding] = "member:Found" // once, by an operator of one of the founders
	MemberGet   Query[NameArgs, Member]     = "member:Get"
	MemberList  Listing[Member]             = "member:List"

	MemberPropose   Change[ProposeMemberArgs, MemberProposal] = "member:Propose"  // with the proposer's own yes
	MemberCast      Change[VoteArgs, MemberProposal]          = "member:Vote"     // one organisation, one vote, which it may change
	MemberExecute   Change[IDArgs, MemberProposal]            = "member:Execute"  // by any member, once more than half have said yes
	MemberWithdraw  Change[IDArgs, MemberProposal]            = "member:Withdraw" // by who proposed
	MemberLeave     Change[NoArgs, Member]                    = "member:Leave"    // the caller's own membership ends
	MemberAnnounce  Change[AnnounceArgs, Member]              = "member:Announce" // the caller's own endpoints
	MemberProposals Listing[MemberProposal]                   = "member:Proposals"
	MemberMakers    Listing[Maker]                            = "member:Makers" // whose certificates count, by root; also those that have ended

	PartitionClaim Change[ClaimArgs, Serving] = "partition:Claim" // by an ingest or operator of an operator
	PartitionGet   Query[MSPArgs, Serving]    = "partition:Get"

	BeatRenew Change[NoArgs, Beat] = "beat:Renew" // CONFLICT while the newest is younger than BeatLeastMS
	BeatGet   Query[NoArgs, Beat]  = "beat:Get"

	TrackerEnrol     Change[EnrolArgs, Tracker]          = "tracker:Enrol"
	TrackerRotate    Change[RotateArgs, Tracker]         = "tracker:Rotate"
	TrackerRevoke    Change[RevokeArgs, Tracker]         = "tracker:Revoke"
	TrackerCalibrate Change[CalibrateArgs, Tracker]      = "tracker:Calibrate"
	TrackerSensors   Change[SensorsArgs, Tracker]        = "tracker:Sensors" // counts for the assignments that are made from then on
	TrackerServe     Change[ServeArgs, Tracker]          = "tracker:Serve"   // by the owner: another operator takes its messages from then on
	TrackerProfile   Change[TrackerProfileArgs, Tracker] = "tracker:Profile" // BAD_STATE for one with a key
	TrackerGateway   Change[GatewayArgs, Tracker]        = "tracker:Gateway" // by the owner of both; with a key only from one gateway to another
	TrackerGet       Query[TrackerArgs, Tracker]         = "tracker:Get"     // the owner's, an operator's ingest's, and of a shipment whose party the caller is
	TrackerList      Listing[Tracker]                    = "tracker:List"    // the caller's own; all for an operator's ingest

	ShipmentCreate   Change[CreateArgs, Shipment]   = "shipment:Create"
	ShipmentAssign   Change[AssignArgs, Shipment]   = "shipment:Assign"
	ShipmentUnassign Change[UnassignArgs, Shipment] = "shipment:Unassign"
	ShipmentPropose  Change[ProposeArgs, Shipment]  = "shipment:Propose"
	ShipmentAccept   Change[StatedArgs, Shipment]   = "shipment:Accept"
	ShipmentReject   Change[RejectArgs, Shipment]   = "shipment:Reject"
	ShipmentWithdraw Change[RejectArgs, Shipment]   = "shipment:Withdraw" // by who proposed, before the answer
	ShipmentDeliver  Change[StatedArgs, Shipment]   = "shipment:Deliver"  // by a consignee, once it has custody
	ShipmentDecline  Change[IDArgs, Shipment]       = "shipment:Decline"  // by a party that was named and has not acted
	ShipmentSeal     Change[SealArgs, Seal]         = "shipment:Seal"     // by an ingest, of a delivered shipment
	ShipmentClose    Change[IDArgs, Close]          = "shipment:Close"    // by a carrier or the custodian, once all have sealed
	ShipmentGet      Query[IDArgs, Shipment]        = "shipment:Get"
	ShipmentList     Listing[Shipment]              = "shipment:List"      // only where the caller's MSP is a party
	ShipmentHandover Listing[Handover]              = "shipment:Handovers" // with id
	ShipmentSeals    Listing[Seal]                  = "shipment:Seals"     // with id
	ShipmentGetClose Query[IDArgs, Close]           = "shipment:GetClose"

	AnchorExtend Change[ExtendArgs, Head] = "anchor:Extend"
	AnchorRetire Change[RetireArgs, Head] = "anchor:Retire" // by an operator of who extends it
	AnchorHead   Query[IDArgs, Head]      = "anchor:Head"   // by heads-log id
	AnchorList   Listing[Head]            = "anchor:List"   // with id, newest first
	AnchorHeads  Listing[Head]            = "anchor:Heads"  // the newest of every heads log

	ComplianceOpen     Change[OpenArgs, Excursion]    = "compliance:Open"
	ComplianceClose    Change[EndArgs, Excursion]     = "compliance:Close"
	ComplianceRevise   Change[Verdict, Verdict]       = "compliance:Revise"
	ComplianceVerdict  Query[OpinionArgs, Verdict]    = "compliance:Verdict"  // the newest of one party
	ComplianceVerdicts Listing[Verdict]               = "compliance:Verdicts" // with id; by party, oldest first
	ComplianceNow      Query[IDArgs, ComplianceState] = "compliance:State"
	ComplianceList     Listing[Excursion]             = "compliance:List"   // with id
	ComplianceBreach   Change[BreachArgs, Excursion]  = "compliance:Breach" // verified; by any party

	ComplianceAcknowledge      Change[AcknowledgeArgs, Acknowledgement] = "compliance:Acknowledge"
	ComplianceAcknowledgements Listing[Acknowledgement]                 = "compliance:Acknowledgements" // with id
	ComplianceDispose          Change[DisposeArgs, Disposition]         = "compliance:Dispose"
	ComplianceDisposition      Query[IDArgs, Disposition]               = "compliance:Disposition"  // the newest
	ComplianceDispositions     Listing[Disposition]                     = "compliance:Dispositions" // with id

	ProfilePublish Change[PublishProfileArgs, Profile] = "profile:Publish" // EXISTS when this very document is there already
	ProfileGet     Query[RefArgs, Profile]             = "profile:Get"     // a published one; those that are built in every node has
	ProfileList    Listing[Profile]                    = "profile:List"    // without the documents; with id the versions of one

	RuleSetPublish Change[PublishArgs, RuleSet] = "ruleset:Publish" // EXISTS when these very rules are there already
	RuleSetGet     Query[RefArgs, RuleSet]      = "ruleset:Get"
	RuleSetList    Listing[RuleSet]             = "ruleset:List" // without the rules; with id the versions of one
)

// EnrolArgs registers a tracker. Either a key with its possession proof, or a secret hash.
type EnrolArgs struct {
	ID     string `json:"id"`
	Alg    int    `json:"alg"`
	Public string `json:"public"` // hex
	// Proof is the signature (hex) of the key over PossessionBytes.
	Proof      string `json:"proof"`
	SecretHash string `json:"secret_hash"`
	Model      string `json:"model"`
	// Sensors may be absent, and can be stated later.
	Sensors []telemetry.Sensor `json:"sensors,omitempty"`
	// Operator is the MSP id of the operator that serves the tracker; "" = any.
	Operator string `json:"operator,omitempty"`
	// Profile is name@version of what reads its messages, published or built in; "" = plain JSON, or with a gateway what the gateway's
	// messages are read by. None with a key.
	Profile string `json:"profile,omitempty"`
	// Gateway and Device as in GatewayArgs. With a key, the gateway holds the key.
	Gateway string `json:"gateway,omitempty"`
	Device  string `json:"device,omitempty"`
	// Certificates (DER, base64 in JSON) attest the key: the device's first, each signed by the next, the last one the root of a maker that
	// the members accepted. None with a gateway.
	Certificates [][]byte `json:"certificates,omitempty"`
}

// RotateArgs replaces a key; Proof is the new key's, Old the old key's signature over the same PossessionBytes.
// The owner may rotate without Old (the old key is lost) by setting Lost. Of a tracker that cannot sign, SecretHash replaces
// the secret, and the other members but ID are empty.
type RotateArgs struct {
	ID     string `json:"id"`
	Alg    int    `json:"alg"`
	Public string `json:"public"`
	Proof  string `json:"proof"`
	Old    string `json:"old"`
	Lost   bool   `json:"lost"`

	SecretHash string `json:"secret_hash"`
	// Certificates attest the new key, as in EnrolArgs. Without them the tracker is attested no more.
	Certificates [][]byte `json:"certificates,omitempty"`
}

type RevokeArgs struct {
	ID    string `json:"id"`
	Cause string `json:"cause"`
}

type CalibrateArgs struct {
	ID          string `json:"id"`
	Ref         string `json:"ref"`
	Hash        string `json:"hash"`
	ValidFromMS int64  `json:"valid_from_ms"`
	ValidToMS   int64  `json:"valid_to_ms"`
}

// SensorsArgs states a tracker's sensors anew, all of them.
type SensorsArgs struct {
	ID      string             `json:"id"`
	Sensors []telemetry.Sensor `json:"sensors"`
}

// ServeArgs moves a tracker to another operator.
type ServeArgs struct {
	ID       string `json:"id"`
	Operator string `json:"operator"` // MSP id; "" = any operator's ingest takes its messages
}

type IDArgs struct {
	ID string `json:"id"`
}

// TrackerArgs names a tracker. Another member's is shown to an ingest of an operator, and to a party of Shipment when the tracker is or was on it.
type TrackerArgs struct {
	ID       string `json:"id"`
	Shipment string `json:"shipment,omitempty"`
}

// OpinionArgs names a shipment and one of its parties.
type OpinionArgs struct {
	ID string `json:"id"`
	By string `json:"by"` // MSP id
}

// ListArgs pages through a listing; Limit is 1..200, 0 means 50.
type ListArgs struct {
	ID       string `json:"id,omitempty"`
	Limit    int    `json:"limit,omitempty"`
	Bookmark string `json:"bookmark,omitempty"`
}

// CreateArgs opens a shipment. The caller must be one of the parties, and has custody until another party accepts it. The rule set must be built into the chaincode or in its registry, with that hash.
//
// It goes on with the stability budget that the shipments in CarriedFrom, of the same lot, had spent: the ledger takes it from
// the newest verdicts of all their parties, the larger amount where several name one band. The lot itself is among the details. Carried may be left out; given, it must say the same.
type CreateArgs struct {
	ID          string   `json:"id"`
	Parties     Parties  `json:"parties"`
	RuleSet     string   `json:"rule_set"`
	RuleSetHash string   `json:"rule_set_hash"`
	Details     string   `json:"details"` // hash, "" for none
	Carried     []Spent  `json:"carried,omitempty"`
	CarriedFrom []string `json:"carried_from,omitempty"` // shipment ids
	DeliverByMS int64    `json:"deliver_by_ms,omitempty"`
	// Release is at most the number of the parties; nil = a release needs no confirmation.
	Release *ReleaseRule `json:"release,omitempty"`
}

// AssignArgs binds a tracker of the caller's, who is a carrier of the shipment or holds the goods. FromMS 0 means now; it may lie
// in the past, but not before the end of the tracker's previous assignment.
//
// With ToMS the assignment is a recorded one: the whole window of a logger that was read out later. It must have ended, and the
// tracker has no other assignment in the shipment, before or after.
type AssignArgs struct {
	Shipment string `json:"shipment"`
	Tracker  string `json:"tracker"`
	FromMS   int64  `json:"from_ms"`
	ToMS     int64  `json:"to_ms"`
}

// UnassignArgs ends the open assignment now, by the tracker's owner, a carrier or the custodian. What the tracker has reported until
// now cannot be cut away.
type UnassignArgs struct {
	Shipment string `json:"shipment"`
	Tracker  string `json:"tracker"`
}

// ProposeArgs offers custody to another party, by the custodian. StatedMS is when the goods change hands, 0 when nothing is said: in
// the custodian's own time with them.
type ProposeArgs struct {
	ID       string    `json:"id"`
	To       string    `json:"to"` // MSP id of a party
	Heads    []LogHead `json:"heads"`
	Details  string    `json:"details"` // hash, "" for none
	StatedMS int64     `json:"stated_ms"`
}

// StatedArgs accepts a handover or takes delivery. StatedMS is when it happened, 0 when nothing is said. To accept, it must be what
// the proposer stated; to take delivery, what both sides stated of the handover that brought the goods.
type StatedArgs struct {
	ID       string `json:"id"`
	StatedMS int64  `json:"stated_ms"`
}

// RejectArgs ends a proposal: a rejection or a withdrawal.
type RejectArgs struct {
	ID      string `json:"id"`
	Details string `json:"details"` // hash: they have the reason
}

// ExtendArgs moves a heads log forward. Proof is the RFC 9162 consistency proof from OldSize to NewSize (hex hashes),
// empty when OldSize is 0. The same (NewSize, NewRoot) as already accepted answers the stored head and writes nothing. Epoch is that of
// the operator's Serving: CONFLICT when it is another, since somebody has claimed partitions meanwhile.
type ExtendArgs struct {
	Heads   string   `json:"heads"`
	Ingest  string   `json:"ingest"`
	OldSize uint64   `json:"old_size"`
	NewSize uint64   `json:"new_size"`
	NewRoot string   `json:"new_root"`
	Proof   []string `json:"proof"`
	TimeMS  int64    `json:"time_ms"`
	Epoch   uint64   `json:"epoch,omitempty"` // 0 while the operator has no Serving
}

// RetireArgs takes an ingest instance out of service for good: nobody waits for its seals any more, it can anchor nothing, and its partitions are free.
type RetireArgs struct {
	Ingest string `json:"ingest"`
}

// OpenArgs opens an excursion. What the ledger itself knows (By, times and Tx), the end and what only a proof gives are ignored.
type OpenArgs Excursion

// EndArgs closes an excursion: shipment, id, end, peak and log count, the other members are ignored.
type EndArgs Excursion

// Chaincode events: one per transaction that changed something; the payload is the JSON record named.
const (
	EventFounded   = "founded"   // Founding
	EventMember    = "member"    // Member: announced, or left
	EventProposal  = "proposal"  // MemberProposal: made, voted on, executed or withdrawn
	EventServing   = "serving"   // Serving
	EventBeat      = "beat"      // Beat
	EventTracker   = "tracker"   // Tracker
	EventShipment  = "shipment"  // Shipment
	EventSealed    = "sealed"    // Seal
	EventClosed    = "closed"    // Close
	EventAnchor    = "anchor"    // Head
	EventExcursion = "excursion" // Excursion
	EventVerdict   = "verdict"   // Verdict

	EventAcknowledged = "acknowledged" // Acknowledgement
	EventDisposition  = "disposition"  // Disposition
	EventRuleSet      = "ruleset"      // RuleSet
	EventProfile      = "profile"      // Profile, without the document
)

// PossessionBytes is what a key signs to prove that its holder enrols it: deployment-independent, bound to the tracker,
// the owner and the key.
func PossessionBytes(trackerID, ownerMSP string, alg int, publicHex string) []byte {
	return []byte("trackseal/possession/1\n" + trackerID + "\n" + ownerMSP + "\n" + algName(alg) + "\n" + publicHex)
}

func algName(alg int) string {
	switch alg {
	case -19:
		return "Ed25519"
	case -9:
		return "ESP256"
	}
	return "unknown"
}
