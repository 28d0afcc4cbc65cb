package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/trackseal/trackseal/internal/canon"
)

// Object types: the first part of a composite state key. A verifier finds a record in a transaction's write set by the
// key that the functions below build.
const (
	ObjFounding  = "founding"  // -> Founding
	ObjMember    = "member"    // name -> Member
	ObjMemberMSP = "membermsp" // MSP id -> name of the member
	ObjEnded     = "ended"     // MSP id -> Ended; there exactly when the member has ended
	ObjRoster    = "roster"    // -> MSP ids of the members in force, sorted; none while these are the founders
	ObjProposal  = "proposal"  // id -> MemberProposal
	ObjServing   = "serving"   // MSP id -> Serving
	ObjInstances = "instances" // MSP id -> ids of its ingest instances in service, which have a heads log, oldest first
	ObjBeat      = "beat"      // -> Beat
	ObjTracker   = "tracker"   // id -> Tracker
	ObjDevice    = "device"    // gateway's id, name there -> DeviceOf
	ObjGateway   = "gateway"   // id of a tracker that is or was a gateway -> "1"
	ObjMaker     = "maker"     // SHA-256 of the root certificate -> Maker
	ObjKey       = "kid"       // key thumbprint -> tracker id; a key serves one tracker, once
	ObjShipment  = "shipment"  // id -> Shipment
	ObjParty     = "party"     // MSP id, shipment id -> "1"; index for listings
	ObjHandover  = "handover"  // shipment id, n -> Handover
	ObjSeal      = "seal"      // shipment id, ingest id -> Seal
	ObjClose     = "close"     // shipment id -> Close
	ObjHead      = "head"      // heads-log id -> Head, the newest
	ObjAnchor    = "anchor"    // heads-log id, inverted n -> Head
	ObjExcursion = "excursion" // shipment id, excursion id -> Excursion
	ObjVerdict   = "verdict"   // shipment id, MSP id, revision -> Verdict
	ObjRevision  = "revision"  // shipment id, MSP id -> number of its newest revision
	ObjTally     = "tally"     // shipment id -> Tally of its excursions

	ObjAcknowledgement = "acknowledgement" // shipment id, excursion id, n -> Acknowledgement
	ObjAcknowledged    = "acknowledged"    // shipment id, excursion id -> number of the newest acknowledgement
	ObjDisposition     = "disposition"     // shipment id, revision -> Disposition
	ObjDisposed        = "disposed"        // shipment id -> number of the newest disposition
	ObjRuleSet         = "ruleset"         // rule-set id, version -> RuleSet
	ObjProfile         = "profile"         // profile id, version -> Profile
)

// Key builds a composite state key exactly as Fabric's shim does: NUL, then each part followed by NUL.
func Key(object string, attributes ...string) string {
	var b strings.Builder
	b.WriteByte(0)
	b.WriteString(object)
	b.WriteByte(0)
	for _, a := range attributes {
		b.WriteString(a)
		b.WriteByte(0)
	}
	return b.String()
}

func FoundingKey() string                     { return Key(ObjFounding) }
func MemberKey(name string) string            { return Key(ObjMember, name) }
func MemberMSPKey(msp string) string          { return Key(ObjMemberMSP, msp) }
func EndedKey(msp string) string              { return Key(ObjEnded, msp) }
func RosterKey() string                       { return Key(ObjRoster) }
func ProposalKey(id string) string            { return Key(ObjProposal, id) }
func ServingKey(msp string) string            { return Key(ObjServing, msp) }
func InstancesKey(msp string) string          { return Key(ObjInstances, msp) }
func BeatKey() string                         { return Key(ObjBeat) }
func TrackerKeyOf(id string) string           { return Key(ObjTracker, id) }
func DeviceKey(gateway, device string) string { return Key(ObjDevice, gateway, device) }
func GatewayKey(id string) string             { return Key(ObjGateway, id) }
func MakerKey(root string) string             { return Key(ObjMaker, root) }
func KIDKey(kid string) string                { return Key(ObjKey, kid) }
func ShipmentKey(id string) string            { return Key(ObjShipment, id) }
func PartyKey(msp, shipment string) string    { return Key(ObjParty, msp, shipment) }
func SealKey(shipment, ingest string) string  { return Key(ObjSeal, shipment, ingest) }
func CloseKey(shipment string) string         { return Key(ObjClose, shipment) }
func HeadKey(heads string) string             { return Key(ObjHead, heads) }
func ExcursionKey(shipment, id string) string { return Key(ObjExcursion, shipment, id) }
func RevisionKey(shipment, msp string) string { return Key(ObjRevision, shipment, msp) }
func TallyKey(shipment string) string         { return Key(ObjTally, shipment) }
func DisposedKey(shipment string) string      { return Key(ObjDisposed, shipment) }
func AcknowledgedKey(shipment, excursion string) string {
	return Key(ObjAcknowledged, shipment, excursion)
}

// The keys below pad the number, so that a scan comes in the order of the numbers.

func HandoverKey(shipment string, n int) string { return Key(ObjHandover, shipment, padded(n)) }
func VerdictKey(shipment, msp string, revision int) string {
	return Key(ObjVerdict, shipment, msp, padded(revision))
}
func DispositionKey(shipment string, revision int) string {
	return Key(ObjDisposition, shipment, padded(revision))
}
func AcknowledgementKey(shipment, excursion string, n int) string {
	return Key(ObjAcknowledgement, shipment, excursion, padded(n))
}
func RuleSetKey(id string, version int) string { return Key(ObjRuleSet, id, padded(version)) }

func ProfileKey(id string, version int) string { return Key(ObjProfile, id, padded(version)) }

func padded(n int) string { return fmt.Sprintf("%010d", n) }

// AnchorKey inverts n, so that a forward scan (the only kind that Fabric has) gives the newest first.
func AnchorKey(heads string, n uint64) string {
	return Key(ObjAnchor, heads, fmt.Sprintf("%020d", math.MaxUint64-n))
}

// MaxArg is the largest argument of a transaction, in bytes: a profile's document of MaxProfile in base64, with room.
const MaxArg = 384 << 10

// Encode is the one JSON form of a record: members in the order of the struct, map members sorted, no HTML escapes, no
// space. Equal values give equal bytes on every peer.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Decode reads one JSON object into the struct that v points to. It refuses what encoding/json lets through and what two
// readers could understand differently: unknown, repeated or differently-cased members, bytes after the object, text that
// is not UTF-8.
func Decode(data []byte, v any) error {
	if len(data) > MaxArg {
		return fmt.Errorf("larger than %d bytes", MaxArg)
	}
	return canon.UnmarshalJSON(data, v)
}
