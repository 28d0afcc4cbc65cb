package ledger

// Names of the transactions, "contract:Function". Each takes exactly one argument, a JSON object of the type named
// beside it, and answers JSON.
//
// A changing transaction needs the certificate attribute trackseal.role: operator for member, tracker, shipment, ruleset and what a
// person signs (Acknowledge, Dispose), ingest for anchor and the other compliance ones, either for Breach. What belongs to a
// shipment is NOT_FOUND to all but its parties.
const (
	MemberFound = "member:Found" // FoundArgs -> Founding: once, by an operator of one of the founders
	MemberGet   = "member:Get"   // NameArgs -> Member (evaluate)
	MemberList  = "member:List"  // ListArgs -> Page[Member] (evaluate)

	TrackerEnrol     = "tracker:Enrol"     // EnrolArgs -> Tracker
	TrackerRotate    = "tracker:Rotate"    // RotateArgs -> Tracker
	TrackerRevoke    = "tracker:Revoke"    // RevokeArgs -> Tracker
	TrackerCalibrate = "tracker:Calibrate" // CalibrateArgs -> Tracker
	TrackerGet       = "tracker:Get"       // IDArgs -> Tracker (evaluate)
	TrackerList      = "tracker:List"      // ListArgs -> Page[Tracker] (evaluate)

	ShipmentCreate   = "shipment:Create"    // CreateArgs -> Shipment
	ShipmentAssign   = "shipment:Assign"    // AssignArgs -> Shipment
	ShipmentUnassign = "shipment:Unassign"  // UnassignArgs -> Shipment
	ShipmentPropose  = "shipment:Propose"   // ProposeArgs -> Shipment
	ShipmentAccept   = "shipment:Accept"    // IDArgs -> Shipment
	ShipmentReject   = "shipment:Reject"    // RejectArgs -> Shipment
	ShipmentWithdraw = "shipment:Withdraw"  // RejectArgs -> Shipment: by who proposed, before the answer
	ShipmentDeliver  = "shipment:Deliver"   // IDArgs -> Shipment: by a consignee, once it has custody
	ShipmentClose    = "shipment:Close"     // CloseArgs -> Close
	ShipmentGet      = "shipment:Get"       // IDArgs -> Shipment (evaluate)
	ShipmentList     = "shipment:List"      // ListArgs -> Page[Shipment] (evaluate): only where the caller's MSP is a party
	ShipmentHandover = "shipment:Handovers" // ListArgs with id -> Page[Handover] (evaluate)
	ShipmentGetClose = "shipment:GetClose"  // IDArgs -> Close (evaluate)

	AnchorExtend = "anchor:Extend" // ExtendArgs -> Head
	AnchorHead   = "anchor:Head"   // IDArgs (heads-log id) -> Head (evaluate)
	AnchorList   = "anchor:List"   // ListArgs with id -> Page[Head], newest first (evaluate)
	AnchorHeads  = "anchor:Heads"  // ListArgs -> Page[Head]: the newest of every heads log (evaluate)

	ComplianceOpen     = "compliance:Open"     // Excursion (By, times and Tx ignored) -> Excursion
	ComplianceClose    = "compliance:Close"    // Excursion (id, shipment, end, peak, log) -> Excursion
	ComplianceRevise   = "compliance:Revise"   // Verdict -> Verdict
	ComplianceVerdict  = "compliance:Verdict"  // IDArgs -> Verdict, the newest (evaluate)
	ComplianceVerdicts = "compliance:Verdicts" // ListArgs with id -> Page[Verdict] (evaluate)
	ComplianceList     = "compliance:List"     // ListArgs with id -> Page[Excursion] (evaluate)
	ComplianceBreach   = "compliance:Breach"   // BreachArgs -> Excursion, verified: by any party

	ComplianceAcknowledge      = "compliance:Acknowledge"      // AcknowledgeArgs -> Acknowledgement
	ComplianceAcknowledgements = "compliance:Acknowledgements" // ListArgs with id -> Page[Acknowledgement] (evaluate)
	ComplianceDispose          = "compliance:Dispose"          // DisposeArgs -> Disposition
	ComplianceDisposition      = "compliance:Disposition"      // IDArgs -> Disposition, the newest (evaluate)
	ComplianceDispositions     = "compliance:Dispositions"     // ListArgs with id -> Page[Disposition] (evaluate)

	RuleSetPublish = "ruleset:Publish" // PublishArgs -> RuleSet; EXISTS when these very rules are there already
	RuleSetGet     = "ruleset:Get"     // RefArgs -> RuleSet (evaluate)
	RuleSetList    = "ruleset:List"    // ListArgs, with id for the versions of one -> Page[RuleSet] without the rules (evaluate)
)

// Transactions that the chaincode has; it refuses every other spelling.
var Transactions = []string{
	MemberFound, MemberGet, MemberList,
	TrackerEnrol, TrackerRotate, TrackerRevoke, TrackerCalibrate, TrackerGet, TrackerList,
	ShipmentCreate, ShipmentAssign, ShipmentUnassign, ShipmentPropose, ShipmentAccept, ShipmentReject, ShipmentWithdraw, ShipmentDeliver,
	ShipmentClose, ShipmentGet, ShipmentList, ShipmentHandover, ShipmentGetClose,
	AnchorExtend, AnchorHead, AnchorList, AnchorHeads,
	ComplianceOpen, ComplianceClose, ComplianceRevise, ComplianceVerdict, ComplianceVerdicts, ComplianceList, ComplianceBreach,
	ComplianceAcknowledge, ComplianceAcknowledgements, ComplianceDispose, ComplianceDisposition, ComplianceDispositions,
	RuleSetPublish, RuleSetGet, RuleSetList,
}

// EnrolArgs registers a tracker. Either a key with its possession proof, or a secret hash.
type EnrolArgs struct {
	ID     string `json:"id"`
	Alg    int    `json:"alg"`
	Public string `json:"public"` // hex
	// Proof is the signature (hex) of the key over PossessionBytes.
	Proof      string `json:"proof"`
	SecretHash string `json:"secret_hash"`
	Model      string `json:"model"`
}

// RotateArgs replaces a key; Proof is the new key's, Old the old key's signature over the same PossessionBytes.
// The owner may rotate without Old (the old key is lost) by setting Lost.
type RotateArgs struct {
	ID     string `json:"id"`
	Alg    int    `json:"alg"`
	Public string `json:"public"`
	Proof  string `json:"proof"`
	Old    string `json:"old"`
	Lost   bool   `json:"lost"`
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

type IDArgs struct {
	ID string `json:"id"`
}

// ListArgs pages through a listing; Limit is 1..200, 0 means 50.
type ListArgs struct {
	ID       string `json:"id,omitempty"`
	Limit    int    `json:"limit,omitempty"`
	Bookmark string `json:"bookmark,omitempty"`
}

// CreateArgs opens a shipment. The caller must be one of the parties, and becomes custodian unless Custodian names
// another party. The rule set must be built into the chaincode or in its registry, with that hash.
//
// A shipment of a lot goes on with the stability budget that the shipments in CarriedFrom had spent: the ledger takes it from
// their newest verdicts, the larger amount where several name one band. Carried may be left out; given, it must say the same.
type CreateArgs struct {
	ID          string   `json:"id"`
	Parties     Parties  `json:"parties"`
	Custodian   string   `json:"custodian"`
	RuleSet     string   `json:"rule_set"`
	RuleSetHash string   `json:"rule_set_hash"`
	Description string   `json:"description"`
	Origin      string   `json:"origin"`
	Destination string   `json:"destination"`
	Lot         string   `json:"lot,omitempty"`
	Carried     []Spent  `json:"carried,omitempty"`
	CarriedFrom []string `json:"carried_from,omitempty"` // shipment ids
}

// AssignArgs binds a tracker of the caller's, who is a carrier of the shipment or holds the goods. FromMS 0 means the
// transaction's time; it may lie in the past (a recorded trip) but not before the end of the tracker's previous assignment.
type AssignArgs struct {
	Shipment string `json:"shipment"`
	Tracker  string `json:"tracker"`
	FromMS   int64  `json:"from_ms"`
}

// UnassignArgs ends the open assignment, by the tracker's owner, a carrier or the custodian; ToMS 0 means the transaction's time.
type UnassignArgs struct {
	Shipment string `json:"shipment"`
	Tracker  string `json:"tracker"`
	ToMS     int64  `json:"to_ms"`
}

// ProposeArgs offers custody to another party, by the custodian.
type ProposeArgs struct {
	ID    string    `json:"id"`
	To    string    `json:"to"` // MSP id of a party
	Heads []LogHead `json:"heads"`
	Note  string    `json:"note"`
}

// RejectArgs ends a proposal: a rejection or a withdrawal.
type RejectArgs struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

// CloseArgs ends a delivered shipment, by a carrier or the custodian.
type CloseArgs struct {
	ID    string    `json:"id"`
	Heads []LogHead `json:"heads"`
}

// ExtendArgs moves a heads log forward. Proof is the RFC 9162 consistency proof from OldSize to NewSize (hex hashes),
// empty when OldSize is 0. The same (NewSize, NewRoot) as already accepted answers the stored head and writes nothing.
type ExtendArgs struct {
	Heads   string   `json:"heads"`
	Ingest  string   `json:"ingest"`
	OldSize uint64   `json:"old_size"`
	NewSize uint64   `json:"new_size"`
	NewRoot string   `json:"new_root"`
	Proof   []string `json:"proof"`
	TimeMS  int64    `json:"time_ms"`
}

// Chaincode events: one per transaction that changed something; the payload is the JSON record named.
const (
	EventFounded   = "founded"   // Founding
	EventTracker   = "tracker"   // Tracker
	EventShipment  = "shipment"  // Shipment
	EventClosed    = "closed"    // Close
	EventAnchor    = "anchor"    // Head
	EventExcursion = "excursion" // Excursion
	EventVerdict   = "verdict"   // Verdict

	EventAcknowledged = "acknowledged" // Acknowledgement
	EventDisposition  = "disposition"  // Disposition
	EventRuleSet      = "ruleset"      // RuleSet
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
