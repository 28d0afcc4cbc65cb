// Package ledger holds the shapes of what is on the ledger: records, transaction names, events and error codes. It is
// shared by the chaincode, which writes them, and by the programs that read them, so it links no Fabric library.
//
// Records are stored as JSON with the members below and no others. Times are milliseconds since 1970 UTC, hashes are
// lower-case hex.
package ledger

import (
	"encoding/json"

	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/trackerchain"
)

// Channel and Chaincode are the names that every stack uses unless configured otherwise.
const (
	Channel   = "trackseal"
	Chaincode = "trackseal"
)

// Tracker is a device registered by its owner organisation (MSP id).
type Tracker struct {
	ID    string `json:"id"`
	Owner string `json:"owner"`
	// Alg is the COSE algorithm of the current key (-19 Ed25519, -9 ESP256), 0 for a tracker that cannot sign.
	Alg int `json:"alg"`
	// Keys holds every key that the tracker ever had, oldest first; the last one is in force unless revoked.
	Keys []TrackerKey `json:"keys"`
	// SecretHash is the SHA-256 (hex) of the MQTT secret of a tracker that cannot sign, else "".
	SecretHash  string       `json:"secret_hash"`
	Model       string       `json:"model"`
	EnrolledMS  int64        `json:"enrolled_ms"`
	EnrolTx     string       `json:"enrol_tx"`
	RevokedMS   int64        `json:"revoked_ms"` // 0 = in force
	RevokeCause string       `json:"revoke_cause"`
	Calibration *Calibration `json:"calibration"`
	// Assigned is the shipment of the open assignment, "" when there is none.
	Assigned string `json:"assigned"`
	// FreeFromMS is when its last assignment ended: the next one may not start before, so that windows never overlap.
	FreeFromMS int64 `json:"free_from_ms"`
	// Sensors is what the owner states of its sensors. It counts for the assignments that are made from then on.
	Sensors []telemetry.Sensor `json:"sensors,omitempty"`
	// Operator is the MSP id of the member whose ingest takes its messages; "" = any operator's does.
	Operator string `json:"operator,omitempty"`
	// Profiles holds every profile that its messages were ever read by, oldest first; see Profile. A tracker with a key has none.
	Profiles []ProfilePin `json:"profiles,omitempty"`
	// Gateway is the tracker that speaks for it, "" for none, and Device its name there. With a key, the gateway holds the key.
	Gateway string `json:"gateway,omitempty"`
	Device  string `json:"device,omitempty"`
	// Attestation is of the key in force; nil when no maker vouches for it.
	Attestation *Attestation `json:"attestation,omitempty"`
}

// ServedBy reports whether the ingest of the operator with this MSP id takes the tracker's messages.
func (t *Tracker) ServedBy(msp string) bool { return t.Operator == "" || t.Operator == msp }

// TrackerKey is one key of a tracker and the transaction times between which it was in force.
type TrackerKey struct {
	KID    string `json:"kid"`    // hex, RFC 9679 thumbprint
	Alg    int    `json:"alg"`    // COSE algorithm
	Public string `json:"public"` // hex: Ed25519 32 bytes, P-256 uncompressed point 65 bytes
	FromMS int64  `json:"from_ms"`
	ToMS   int64  `json:"to_ms"` // 0 = open
	Tx     string `json:"tx"`
}

// Term is when key number i was in force.
func (t *Tracker) Term(i int) trackerchain.Term {
	return trackerchain.Term{FromMS: t.Keys[i].FromMS, ToMS: t.Keys[i].ToMS, First: i == 0}
}

// Calibration refers to a certificate kept elsewhere.
type Calibration struct {
	Ref         string `json:"ref"`  // where it is: URI or certificate number
	Hash        string `json:"hash"` // SHA-256 of the certificate, hex
	ValidFromMS int64  `json:"valid_from_ms"`
	ValidToMS   int64  `json:"valid_to_ms"`
	RecordedMS  int64  `json:"recorded_ms"`
	Tx          string `json:"tx"`
}

// Shipment states, in the order in which a shipment passes through them.
const (
	Created   = "created"    // registered, nothing moves yet
	InTransit = "in_transit" // has an assignment or a custody handover
	Delivered = "delivered"  // a consignee has it
	Closed    = "closed"     // logs sealed; nothing can be added
)

// Shipment is the consignment.
type Shipment struct {
	ID    string `json:"id"`
	State string `json:"state"`
	// Only parties may see or act.
	Parties     Parties `json:"parties"`
	Creator     string  `json:"creator"`   // MSP id
	Custodian   string  `json:"custodian"` // MSP id that holds the goods
	RuleSet     string  `json:"rule_set"`  // id@version
	RuleSetHash string  `json:"rule_set_hash"`
	Details     string  `json:"details"` // hash of the creator's Details, "" for none
	CreatedMS   int64   `json:"created_ms"`
	CreateTx    string  `json:"create_tx"`
	DeliveredMS int64   `json:"delivered_ms"`
	ClosedMS    int64   `json:"closed_ms"`
	// LastMS is the newest time that a transaction has written here. What a later one writes as its time is never before it.
	LastMS int64 `json:"last_ms"`
	// StatedDeliveryMS is when the consignee says that the goods arrived: what both sides of its handover stated; 0 = not said.
	StatedDeliveryMS int64 `json:"stated_delivery_ms"`
	// Assignments in the order in which they were made.
	Assignments []Assignment `json:"assignments"`
	// Declined are those who were named as parties and did not want to be, in the order in which they said so.
	Declined []Declined `json:"declined,omitempty"`
	// Pending is the open custody proposal, if any.
	Pending *Handover `json:"pending"`
	// Handovers counts the ended proposals (answered or withdrawn); each is a record of its own.
	Handovers int `json:"handovers"`
	// Carried is what earlier shipments of its lot had spent, by rule and band; CarriedFrom says which shipments.
	Carried     []Spent       `json:"carried,omitempty"`
	CarriedFrom []CarriedFrom `json:"carried_from,omitempty"`
	// DeliverByMS is when the goods are to be delivered, as the creator stated it; 0 = not said. The rule kind deadline judges by it.
	DeliverByMS int64 `json:"deliver_by_ms,omitempty"`
	// Release says what the release of the goods needs beside the decision; nil = nothing.
	Release *ReleaseRule `json:"release,omitempty"`
}

// ReleaseRule is a shipment's own rule for its release, pinned when it is created.
type ReleaseRule struct {
	// ConfirmedBy is how many parties' newest opinions must say what the verdict says that the release rests on, from the same logs. When parties
	// have declined and fewer are left, it is all of them.
	ConfirmedBy int `json:"confirmed_by"`
}

// Assignment is a tracker bound to a shipment for a time window [FromMS, ToMS).
type Assignment struct {
	Tracker    string `json:"tracker"`
	FromMS     int64  `json:"from_ms"`
	ToMS       int64  `json:"to_ms"` // 0 = open
	AssignTx   string `json:"assign_tx"`
	UnassignTx string `json:"unassign_tx"`
	By         string `json:"by"` // MSP id
	// Calibration is the tracker's certificate as it was when the tracker was assigned: what a verdict rests on may not
	// change afterwards.
	Calibration *Calibration `json:"calibration,omitempty"`
	// Sensors is what the tracker's record stated of its sensors then, for the same reason.
	Sensors []telemetry.Sensor `json:"sensors,omitempty"`
}

// Recorded reports whether the window was written as a whole after it had ended: a logger that was read out later.
func (a Assignment) Recorded() bool { return a.UnassignTx != "" && a.UnassignTx == a.AssignTx }

// LogHead names the state of one log.
type LogHead struct {
	Log  string `json:"log"`  // log id, hex
	Size uint64 `json:"size"` // leaves
	Root string `json:"root"` // hex
}

// States of a handover.
const (
	Proposed  = "proposed"
	Accepted  = "accepted"
	Rejected  = "rejected"  // by the one that it was offered to
	Withdrawn = "withdrawn" // by the one that offered it
)

// Handover is one custody proposal and its end.
type Handover struct {
	N         int       `json:"n"` // 0, 1, …
	From      string    `json:"from"`
	To        string    `json:"to"`
	State     string    `json:"state"`
	Heads     []LogHead `json:"heads"`
	Details   string    `json:"details"` // hash of the proposer's Details, "" for none
	ProposeMS int64     `json:"propose_ms"`
	ProposeTx string    `json:"propose_tx"`
	// AnswerDetails is the hash of the Details of a rejection or withdrawal, by who ended the handover.
	AnswerDetails string `json:"answer_details"`
	AnswerMS      int64  `json:"answer_ms"` // of the answer or withdrawal
	AnswerTx      string `json:"answer_tx"`
	// StatedMS is when the goods changed hands as the proposer says, 0 = not said. AgreedMS is the same once the receiver, who
	// accepts, has said so too, else 0.
	StatedMS int64 `json:"stated_ms"`
	AgreedMS int64 `json:"agreed_ms"`
	// AtProposal and AtAnswer are what the ledger held about the goods at these two moments, copied by the chaincode.
	AtProposal *ComplianceState `json:"at_proposal,omitempty"`
	AtAnswer   *ComplianceState `json:"at_answer,omitempty"`
}

// AnsweredBy is who ended the handover.
func (h Handover) AnsweredBy() string {
	if h.State == Withdrawn {
		return h.From
	}
	return h.To
}

// Close is the create-only record that ends a shipment.
type Close struct {
	Shipment string    `json:"shipment"`
	Heads    []LogHead `json:"heads"` // every log of the shipment, final, as the seals have them; in the order of their ids
	By       string    `json:"by"`
	TimeMS   int64     `json:"time_ms"`
	Tx       string    `json:"tx"`
	// Compliance is what the ledger held about the goods when the shipment was closed, copied by the chaincode.
	Compliance *ComplianceState `json:"compliance,omitempty"`
}

// Head is a heads log as the ledger last accepted it, and one accepted anchor.
type Head struct {
	Heads    string `json:"heads"` // heads-log id, hex
	Ingest   string `json:"ingest"`
	Owner    string `json:"owner"` // MSP id of the only organisation that may extend it
	Size     uint64 `json:"size"`
	Root     string `json:"root"`
	PrevSize uint64 `json:"prev_size"`
	PrevRoot string `json:"prev_root"`
	TimeMS   int64  `json:"time_ms"` // as given by ingest, within 120 s of the transaction's own time
	TxMS     int64  `json:"tx_ms"`
	Tx       string `json:"tx"`
	N        uint64 `json:"n"` // 0 for the first anchor
	// Retired: the instance was taken out of service, and anchors nothing more. Only the newest head of a heads log says it.
	Retired bool `json:"retired,omitempty"`
}

// Excursion is one time that a rule was broken, opened and then closed. A verified one stands on the trackers' own signed
// messages, which every endorsing peer checked, and on nobody's word; it is closed from the start and judged from no log.
type Excursion struct {
	ID       string    `json:"id"` // unique in the shipment; chosen by the recorder
	Shipment string    `json:"shipment"`
	Rule     string    `json:"rule"`
	Metric   string    `json:"metric"`
	StartMS  int64     `json:"start_ms"` // event time
	EndMS    int64     `json:"end_ms"`   // 0 = still open
	Peak     string    `json:"peak"`     // decimal
	Limit    string    `json:"limit"`    // decimal
	Logs     []LogHead `json:"logs"`     // from which logs the recorder judged, in the order of their ids
	RuleHash string    `json:"rule_hash"`
	By       string    `json:"by"`
	OpenMS   int64     `json:"open_ms"`
	OpenTx   string    `json:"open_tx"`
	CloseMS  int64     `json:"close_ms"`
	CloseTx  string    `json:"close_tx"`
	// Only of a verified excursion:
	Verified  bool      `json:"verified,omitempty"`
	Op        string    `json:"op,omitempty"` // > >= < <=: "metric op limit" held
	Tracker   string    `json:"tracker,omitempty"`
	Witnesses []Witness `json:"witnesses,omitempty"`
}

// Witness is one reading in a signed message that breaks the limit. The message itself is in its log.
type Witness struct {
	Message string `json:"message"` // SHA-256 of its cose_sign1, hex
	TimeMS  int64  `json:"time_ms"` // of the reading
	Value   string `json:"value"`   // decimal
}

// Tally counts a shipment's excursions.
type Tally struct {
	Open     int `json:"open"`
	Total    int `json:"total"`
	Verified int `json:"verified,omitempty"` // of the total
	// Breaches has the rules that verified breaches broke, in their order.
	Breaches []RuleBreach `json:"breaches,omitempty"`
}

// RuleBreach is when the earliest verified breach of a rule began. No judgement of that time can leave the rule's breach out.
type RuleBreach struct {
	Rule    string `json:"rule"`
	FirstMS int64  `json:"first_ms"`
}

// Verdict is one revision of what the rules say of a shipment, in the opinion of one party. A later one of the same party
// supersedes, never edits; nobody touches another's.
type Verdict struct {
	Shipment string   `json:"shipment"`
	Revision int      `json:"revision"` // 1, 2, … of each party
	Result   string   `json:"result"`   // compliant | non_compliant | inconclusive
	Reasons  []string `json:"reasons"`
	ToMS     int64    `json:"to_ms"` // judged up to this event time
	// Logs are all logs of the shipment that had a leaf, as far as they were judged: in the order of their ids, each once. Empty
	// only in an inconclusive verdict, before the first reading.
	Logs       []LogHead `json:"logs"`
	RuleHash   string    `json:"rule_hash"`
	Supersedes int       `json:"supersedes"`
	// Detail is a JSON object for readers, see docs/formats.md. The chaincode looks at its member budget only.
	Detail json.RawMessage `json:"detail,omitempty"`
	By     string          `json:"by"` // MSP id of the party
	TimeMS int64           `json:"time_ms"`
	Tx     string          `json:"tx"`
}

// Page is one page of a listing; Bookmark is "" on the last.
type Page[T any] struct {
	Items    []T    `json:"items"`
	Bookmark string `json:"bookmark"`
}
