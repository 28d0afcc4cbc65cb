// Package shapes is how several resources show the same: shipments, custody, excursions, verdicts, signatures, anchors.
package shapes

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// ShipmentPath names a shipment.
type ShipmentPath struct {
	ID string `path:"id" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" patternDescription:"1 to 64 of A-Z a-z 0-9 . _ - that begin with a letter or digit" doc:"Shipment id"`
}

// Kind of resource.
func (ShipmentPath) Kind() access.Kind { return access.Shipment }

// TrackerPath names a tracker.
type TrackerPath struct {
	ID string `path:"id" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" patternDescription:"1 to 64 of A-Z a-z 0-9 . _ - that begin with a letter or digit" doc:"Tracker id"`
}

// Kind of resource.
func (TrackerPath) Kind() access.Kind { return access.Tracker }

// Shipment as the API shows it.
type Shipment struct {
	ID               string                  `json:"id"`
	State            string                  `json:"state" enum:"created,in_transit,delivered,closed"`
	Parties          Parties                 `json:"parties" doc:"Role to the members that hold it"`
	Creator          string                  `json:"creator" doc:"Who created it, and named the parties"`
	MayDecline       []string                `json:"may_decline" doc:"Roles in which another named the organisation that answers, and which it may still decline"`
	Declined         []Declined              `json:"declined" doc:"Who was named as a party and declined"`
	Custodian        string                  `json:"custodian" doc:"Organisation that holds the goods"`
	RuleSet          string                  `json:"rule_set"`
	RuleSetHash      string                  `json:"rule_set_hash"`
	Description      string                  `json:"description"`
	Origin           string                  `json:"origin"`
	Destination      string                  `json:"destination"`
	Lot              string                  `json:"lot" doc:"Whose stability budget it draws on; the traceability lot code"`
	LotSource        string                  `json:"lot_source" doc:"Traceability lot code source"`
	Quantity         string                  `json:"quantity"`
	Unit             string                  `json:"unit"`
	ReferenceType    string                  `json:"reference_type"`
	ReferenceNumber  string                  `json:"reference_number"`
	Details          rest.Null[Details]      `json:"details" doc:"Of the texts from description to reference_number; null when there are none"`
	Carried          []ledger.Spent          `json:"carried" doc:"What earlier shipments of the lot had spent, by rule and band"`
	CarriedFrom      []CarriedFrom           `json:"carried_from"`
	CreatedAt        rest.Instant            `json:"created_at"`
	DeliveredAt      rest.Null[rest.Instant] `json:"delivered_at"`
	DeliverBy        rest.Null[rest.Instant] `json:"deliver_by" doc:"When the goods are to be delivered, as the creator stated it"`
	Release          rest.Null[Release]      `json:"release" doc:"What a release needs beside the decision, as pinned at the creation; null = nothing"`
	StatedDeliveryAt rest.Null[rest.Instant] `json:"stated_delivery_at" doc:"When the goods arrived, as both sides of the last handover stated it"`
	ClosedAt         rest.Null[rest.Instant] `json:"closed_at"`
	Assignments      []Assignment            `json:"assignments"`
	PendingHandover  rest.Null[Handover]     `json:"pending_handover"`
	Verdict          string                  `json:"verdict" enum:"compliant,non_compliant,inconclusive,none" doc:"What the opinions on the ledger say together: inconclusive where they differ"`
	VerdictReason    string                  `json:"verdict_reason" doc:"Who says what, where the opinions differ; else empty"`
	Opinions         []Opinion               `json:"opinions" doc:"The newest verdict on the ledger of each party that has one"`
	Last             rest.Null[LastReading]  `json:"last" doc:"Newest value of each quantity"`
	Messages         uint64                  `json:"messages" doc:"Logged so far"`
	Unknown          []string                `json:"unknown,omitempty" doc:"Members that could not be asked for just now and say nothing: verdict, last, messages" example:"last"`
	Tx               string                  `json:"tx" doc:"Transaction that answered, or that created it"`
}

// Release is a shipment's own rule for the release of its goods.
type Release struct {
	ConfirmedBy int `json:"confirmed_by" minimum:"1" maximum:"32" doc:"How many parties' newest opinions must say what the verdict says that the release rests on, from the same logs; at most as many as there are parties" example:"2"`
}

// CarriedFrom names the verdicts whose budgets were carried over: each party's newest at that time.
type CarriedFrom struct {
	Shipment string       `json:"shipment"`
	Verdicts []VerdictRef `json:"verdicts"`
}

// VerdictRef names a verdict of a shipment.
type VerdictRef struct {
	By       string `json:"by"`
	Revision int    `json:"revision"`
}

// Declined is a member that was named as a party and said that it is none.
type Declined struct {
	Member     string       `json:"member"`
	Roles      []string     `json:"roles" doc:"That it was named in"`
	DeclinedAt rest.Instant `json:"declined_at"`
	Tx         string       `json:"tx"`
}

// Opinion is what a party's newest verdict says.
type Opinion struct {
	By       string                  `json:"by" doc:"The party"`
	Revision int                     `json:"revision" doc:"Of its own verdicts"`
	Result   string                  `json:"result"`
	To       rest.Null[rest.Instant] `json:"to" doc:"Judged up to this event time"`
	Budget   []ledger.BudgetLine     `json:"budget"`
}

// ShowOpinions tells what a shipment's opinions say together, why they say nothing where they differ, and each of them.
func ShowOpinions(names *members.Directory, all []ledger.Opinion) (verdict, reason string, each []Opinion) {
	verdict, reason = ledger.Answer(all, names.Name)
	each = []Opinion{}
	for _, o := range all {
		each = append(each, Opinion{names.Name(o.By), o.Revision, o.Result, rest.InstantOrNull(o.ToMS), rest.OrEmpty(o.Budget)})
	}
	return verdict, reason, each
}

// LastReading is the newest that is known of a shipment.
type LastReading struct {
	Time   rest.Instant       `json:"time"`
	Values map[string]float64 `json:"values" doc:"Newest value of each quantity that was ever reported; left out where it is no measurement but a sensor's error value"`
}

// Assignment of a tracker.
type Assignment struct {
	Tracker string                  `json:"tracker"`
	From    rest.Instant            `json:"from"`
	To      rest.Null[rest.Instant] `json:"to"`
	By      string                  `json:"by"`
	Ours    bool                    `json:"ours" doc:"The tracker is the organisation's that answers"`
	// Recorded windows were written as a whole after they had ended.
	Recorded bool `json:"recorded" doc:"The window was given as a whole after it had ended: a logger that was read out later"`
	// Sensors that are judged by.
	Sensors []telemetry.Sensor `json:"sensors,omitempty" doc:"What was stated of the tracker's sensors when it was assigned; what they send in the place of a measurement is unknown time"`
}

// Handover of custody.
type Handover struct {
	N          int                        `json:"n"`
	From       string                     `json:"from"`
	To         string                     `json:"to"`
	State      string                     `json:"state" enum:"proposed,accepted,rejected,withdrawn"`
	Note       string                     `json:"note"`
	Details    rest.Null[Details]         `json:"details" doc:"Of note; null when there is none"`
	Reason     string                     `json:"reason" doc:"Of a rejection or withdrawal"`
	Answer     rest.Null[Details]         `json:"answer_details" doc:"Of reason; null when there is none"`
	ProposedAt rest.Instant               `json:"proposed_at"`
	AnsweredAt rest.Null[rest.Instant]    `json:"answered_at"`
	StatedAt   rest.Null[rest.Instant]    `json:"stated_at" doc:"When the goods changed hands, as the proposer says"`
	AgreedAt   rest.Null[rest.Instant]    `json:"agreed_at" doc:"The same, when the receiver has accepted with it"`
	Heads      []ledger.LogHead           `json:"heads" doc:"Logs as they were when the handover was proposed"`
	ProposeTx  string                     `json:"propose_tx"`
	AnswerTx   string                     `json:"answer_tx"`
	AtProposal rest.Null[ComplianceState] `json:"at_proposal" doc:"What the ledger held about the goods at that moment"`
	AtAnswer   rest.Null[ComplianceState] `json:"at_answer"`
}

func ShowHandover(ctx context.Context, own *records.Records, shipment string, h ledger.Handover) Handover {
	names := own.Members
	offer, details := ReadDetails(ctx, own, shipment, h.From, h.Details)
	answer, answerDetails := ReadDetails(ctx, own, shipment, h.AnsweredBy(), h.AnswerDetails)
	return Handover{N: h.N, From: names.Name(h.From), To: names.Name(h.To), State: h.State, Note: offer.Note, Details: details, Reason: answer.Reason, Answer: answerDetails, ProposedAt: rest.Instant(h.ProposeMS),
		AnsweredAt: rest.InstantOrNull(h.AnswerMS), StatedAt: rest.InstantOrNull(h.StatedMS), AgreedAt: rest.InstantOrNull(h.AgreedMS), Heads: rest.OrEmpty(h.Heads), ProposeTx: h.ProposeTx, AnswerTx: h.AnswerTx,
		AtProposal: ShowComplianceState(names, h.AtProposal), AtAnswer: ShowComplianceState(names, h.AtAnswer)}
}

// Stated says when a thing happened, beside the time at which it is recorded.
type Stated struct {
	StatedAt *rest.Instant `json:"stated_at,omitempty" doc:"When it happened. It counts when both sides of the handover state the same"`
}

// MS is the time in milliseconds, 0 when nothing was stated.
func (s *Stated) MS() int64 {
	if s == nil || s.StatedAt == nil {
		return 0
	}
	return int64(*s.StatedAt)
}

// ShowShipment is what the ledger and its details alone know.
func ShowShipment(ctx context.Context, own *records.Records, r ledger.Shipment, tx string) Shipment {
	names := own.Members
	d, details := ReadDetails(ctx, own, r.ID, r.Creator, r.Details)
	if tx == "" {
		tx = r.CreateTx
	}
	v := Shipment{ID: r.ID, State: r.State, Parties: showParties(names, r.Parties), Custodian: names.Name(r.Custodian), RuleSet: r.RuleSet,
		RuleSetHash: r.RuleSetHash, Description: d.Description, Origin: d.Origin, Destination: d.Destination, Lot: d.Lot, LotSource: d.LotSource,
		Quantity: d.Quantity, Unit: d.Unit, ReferenceType: d.ReferenceType, ReferenceNumber: d.ReferenceNumber, Details: details, CreatedAt: rest.Instant(r.CreatedMS),
		DeliveredAt: rest.InstantOrNull(r.DeliveredMS), DeliverBy: rest.InstantOrNull(r.DeliverByMS), StatedDeliveryAt: rest.InstantOrNull(r.StatedDeliveryMS), ClosedAt: rest.InstantOrNull(r.ClosedMS), Assignments: []Assignment{}, Verdict: "none", Tx: tx,
		Carried: rest.OrEmpty(r.Carried), CarriedFrom: []CarriedFrom{}, Creator: names.Name(r.Creator), MayDecline: mayDecline(r, own.MSP), Declined: []Declined{}, Opinions: []Opinion{}}
	for _, c := range r.CarriedFrom {
		from := CarriedFrom{Shipment: c.Shipment, Verdicts: []VerdictRef{}}
		for _, ref := range c.Verdicts {
			from.Verdicts = append(from.Verdicts, VerdictRef{names.Name(ref.By), ref.Revision})
		}
		v.CarriedFrom = append(v.CarriedFrom, from)
	}
	for _, d := range r.Declined {
		v.Declined = append(v.Declined, Declined{names.Name(d.Member), d.Roles, rest.Instant(d.TimeMS), d.Tx})
	}
	for _, a := range r.Assignments {
		v.Assignments = append(v.Assignments, Assignment{Tracker: a.Tracker, From: rest.Instant(a.FromMS), To: rest.InstantOrNull(a.ToMS), By: names.Name(a.By), Ours: a.By == own.MSP, Recorded: a.Recorded(), Sensors: a.Sensors})
	}
	if r.Release != nil {
		v.Release = rest.Some(Release{r.Release.ConfirmedBy})
	}
	if r.Pending != nil {
		v.PendingHandover = rest.Some(ShowHandover(ctx, own, r.ID, *r.Pending))
	}
	return v
}

// mayDecline are the roles that an organisation may decline, as far as the record alone tells: it does not say who has had the goods before.
func mayDecline(r ledger.Shipment, msp string) []string {
	if r.Creator == msp || r.Custodian == msp || r.DeliveredMS != 0 || r.Pending != nil && r.Pending.To == msp ||
		slices.ContainsFunc(r.Assignments, func(a ledger.Assignment) bool { return a.By == msp }) {
		return []string{}
	}
	return r.Parties.RolesOf(msp)
}

// Parties maps a role to the names of the members that hold it.
type Parties = map[string][]string

// IsParty reports whether the member of this name holds a role.
func (s *Shipment) IsParty(member string) bool {
	for _, names := range s.Parties {
		if slices.Contains(names, member) {
			return true
		}
	}
	return false
}

func showParties(names *members.Directory, p ledger.Parties) Parties {
	v := make(Parties, len(p))
	for role, msps := range p {
		for _, msp := range msps {
			v[role] = append(v[role], names.Name(msp))
		}
		slices.Sort(v[role])
	}
	return v
}

// ComplianceState is what the ledger held about the goods at one moment.
type ComplianceState struct {
	Result   string    `json:"result" doc:"What the opinions said together; empty = none yet"`
	Reason   string    `json:"reason" doc:"Who said what, where they differed; else empty"`
	Opinions []Opinion `json:"opinions" doc:"The newest verdict of each party that had one"`
	Open     int       `json:"open" doc:"Excursions that were not over"`
	Total    int       `json:"total" doc:"All excursions, recorded and verified"`
	Verified int       `json:"verified" doc:"Of these, breaches that peers verified; one may lie within a recorded excursion"`
}

// Revision is a verdict on the ledger.
type Revision struct {
	Revision   int              `json:"revision" doc:"Of the party's own verdicts"`
	Result     string           `json:"result"`
	Reasons    []string         `json:"reasons"`
	To         rest.Instant     `json:"to" doc:"Judged up to this event time"`
	Logs       []ledger.LogHead `json:"logs" doc:"All logs of the shipment that had a leaf, as far as they were judged"`
	RuleHash   string           `json:"rule_hash"`
	Supersedes int              `json:"supersedes"`
	Detail     json.RawMessage  `json:"detail,omitempty" doc:"As recorded"`
	By         string           `json:"by"`
	RecordedAt rest.Instant     `json:"recorded_at"`
	Tx         string           `json:"tx"`
}

func ShowComplianceState(names *members.Directory, st *ledger.ComplianceState) rest.Null[ComplianceState] {
	if st == nil {
		return rest.Null[ComplianceState]{}
	}
	result, reason, opinions := ShowOpinions(names, st.Opinions)
	return rest.Some(ComplianceState{result, reason, opinions, st.Open, st.Total, st.Verified})
}

func ShowRevision(names *members.Directory, l ledger.Verdict) Revision {
	return Revision{Revision: l.Revision, Result: l.Result, Reasons: rest.OrEmpty(l.Reasons), To: rest.Instant(l.ToMS), Logs: rest.OrEmpty(l.Logs), RuleHash: l.RuleHash, Supersedes: l.Supersedes,
		Detail: l.Detail, By: names.Name(l.By), RecordedAt: rest.Instant(l.TimeMS), Tx: l.Tx}
}

// Excursion is one time that a rule was broken, or a stay out of range that it allows.
type Excursion struct {
	ID       string                  `json:"id" doc:"rule/tracker/start; the same on the ledger"`
	Rule     string                  `json:"rule"`
	Kind     string                  `json:"kind"`
	Metric   string                  `json:"metric"`
	Tracker  string                  `json:"tracker"`
	Severity string                  `json:"severity" doc:"After escalation"`
	Start    rest.Instant            `json:"start"`
	End      rest.Null[rest.Instant] `json:"end" doc:"null while it lasts"`
	OutS     float64                 `json:"out_s" doc:"Known time out of range within it"`
	Peak     string                  `json:"peak"`
	Limit    string                  `json:"limit"`
	Note     string                  `json:"note"`
	HeldBy   rest.Null[string]       `json:"held_by" doc:"Organisation that held the goods when it began"`
	Allowed  bool                    `json:"allowed" doc:"It broke nothing: the rule allows stays as short, and lists them. Never on the ledger"`
	Messages []DecidingMessage       `json:"messages" doc:"Those that decide"`
	LedgerTx rest.Null[string]       `json:"ledger_tx" doc:"Transaction that recorded it"`
	Verified bool                    `json:"verified" doc:"Every endorsing peer has checked a signed message that shows it"`
	Acks     int                     `json:"acknowledgements" doc:"How many; see recorded"`
}

// RecordedExcursion is one on the ledger.
type RecordedExcursion struct {
	ID         string                  `json:"id"`
	Rule       string                  `json:"rule"`
	Metric     string                  `json:"metric"`
	Start      rest.Instant            `json:"start"`
	End        rest.Null[rest.Instant] `json:"end"`
	Peak       string                  `json:"peak"`
	Limit      string                  `json:"limit"`
	Found      bool                    `json:"found" doc:"The rules find it now; late readings can have shown another one"`
	Verified   bool                    `json:"verified" doc:"Stands on signed messages that every endorsing peer checked"`
	Tracker    string                  `json:"tracker" doc:"Of a verified one"`
	Witnesses  []ledger.Witness        `json:"witnesses" doc:"Of a verified one: the readings that break the limit"`
	By         string                  `json:"by"`
	OpenedAt   rest.Instant            `json:"opened_at"`
	OpenTx     string                  `json:"open_tx"`
	ClosedAt   rest.Null[rest.Instant] `json:"closed_at"`
	CloseTx    rest.Null[string]       `json:"close_tx"`
	Signatures []Acknowledgement       `json:"acknowledgements"`
}

func ShowRecorded(names *members.Directory, l ledger.Excursion, acks []Acknowledgement) RecordedExcursion {
	return RecordedExcursion{ID: l.ID, Rule: l.Rule, Metric: l.Metric, Start: rest.Instant(l.StartMS), End: rest.InstantOrNull(l.EndMS), Peak: l.Peak, Limit: l.Limit, Verified: l.Verified,
		Tracker: l.Tracker, Witnesses: rest.OrEmpty(l.Witnesses), By: names.Name(l.By), OpenedAt: rest.Instant(l.OpenMS), OpenTx: l.OpenTx, ClosedAt: rest.InstantOrNull(l.CloseMS), CloseTx: rest.OrNull(l.CloseTx), Signatures: rest.OrEmpty(acks)}
}

// DecidingMessage is a message that decides an excursion: the first, the worst or the last that breaks the rule.
type DecidingMessage struct {
	Log  string            `json:"log"`
	Leaf uint64            `json:"leaf"`
	Hash rest.Null[string] `json:"hash" doc:"What the leaf carries, hex; null beyond the first few hundred messages of an answer"`
}

// Signer is who signed, by the access token.
type Signer struct {
	Kind    string `json:"kind" enum:"person,machine"`
	Name    string `json:"name" doc:"Printed name of a person, client id of a machine"`
	Subject string `json:"subject" doc:"Account at the issuer"`
	Issuer  string `json:"issuer" doc:"Who vouches for the account"`
	Client  string `json:"client" doc:"Program that the signer used"`
}

// Signature is an electronic signature as 21 CFR 11.50 shows it. The signer comes from the access token, the meaning is the
// signer's word; the rest comes from the certificate and the transaction.
type Signature struct {
	Signer   Signer       `json:"signer"`
	Meaning  string       `json:"meaning" enum:"reviewed,approved,responsibility,authorship"`
	Org      string       `json:"org"`
	Subject  string       `json:"subject" doc:"Of the organisation's certificate"`
	Issuer   string       `json:"issuer" doc:"Of the certificate"`
	Cert     string       `json:"cert" doc:"SHA-256 of the certificate"`
	SignedAt rest.Instant `json:"signed_at"`
	Tx       string       `json:"tx"`
}

func showSignature(names *members.Directory, g ledger.Signature, by ledger.Signer) Signature {
	by = g.By(by)
	return Signature{Signer{g.Kind, by.Name, by.Subject, by.Issuer, by.Client}, g.Meaning, names.Name(g.MSP), g.Subject, g.Issuer, g.Cert, rest.Instant(g.TimeMS), g.Tx}
}

// Acknowledgement is a signed statement about an excursion.
type Acknowledgement struct {
	Excursion string             `json:"excursion"`
	N         int                `json:"n"`
	Reason    string             `json:"reason"`
	Of        string             `json:"of" doc:"Transaction that last changed the excursion: what the signer saw"`
	Signature Signature          `json:"signature"`
	Details   rest.Null[Details] `json:"details" doc:"Of reason and signer"`
}

func ShowAcknowledgement(ctx context.Context, own *records.Records, a ledger.Acknowledgement) Acknowledgement {
	d, details := ReadDetails(ctx, own, a.Shipment, a.Signature.MSP, a.Details)
	return Acknowledgement{a.Excursion, a.N, d.Reason, a.Of, showSignature(own.Members, a.Signature, d.Signer), details}
}

// Disposition is what becomes of the goods.
type Disposition struct {
	Revision        int                `json:"revision"`
	Decision        string             `json:"decision" enum:"release,reject,quarantine"`
	Reason          string             `json:"reason"`
	VerdictBy       string             `json:"verdict_by" doc:"Party whose verdict it rests on; empty when there was none"`
	VerdictRevision int                `json:"verdict_revision" doc:"Of that party's verdict; below its newest when late data overtook it"`
	Result          string             `json:"result" doc:"Of that verdict; empty when there was none"`
	Signature       Signature          `json:"signature"`
	Details         rest.Null[Details] `json:"details" doc:"Of reason and signer"`
}

func ShowDisposition(ctx context.Context, own *records.Records, r ledger.Disposition) Disposition {
	d, details := ReadDetails(ctx, own, r.Shipment, r.Signature.MSP, r.Details)
	by := ""
	if r.VerdictBy != "" {
		by = own.Members.Name(r.VerdictBy)
	}
	return Disposition{r.Revision, r.Decision, d.Reason, by, r.VerdictRevision, r.Result, showSignature(own.Members, r.Signature, d.Signer), details}
}

// Anchor is a root of a heads log that the ledger has accepted.
type Anchor struct {
	Heads    string       `json:"heads" doc:"Heads-log id"`
	Ingest   string       `json:"ingest"`
	Owner    string       `json:"owner"`
	N        uint64       `json:"n"`
	Size     uint64       `json:"size"`
	Root     string       `json:"root"`
	PrevSize uint64       `json:"prev_size"`
	PrevRoot string       `json:"prev_root"`
	Time     rest.Instant `json:"time"`
	Tx       string       `json:"tx"`
}

func ShowAnchor(names *members.Directory, h ledger.Head) Anchor {
	return Anchor{Heads: h.Heads, Ingest: h.Ingest, Owner: names.Name(h.Owner), N: h.N, Size: h.Size, Root: h.Root, PrevSize: h.PrevSize, PrevRoot: h.PrevRoot, Time: rest.Instant(h.TxMS), Tx: h.Tx}
}
