package ledger

import "strings"

// The id of what a member makes (a shipment, a tracker, an ingest instance, a published rule set) begins with the member's name
// and a dot, and the contract takes no other. So nobody can take an id before its owner does, and trying one tells nothing of what
// another member has. A member's name has no dot. Nor have the ids of the built-in rule sets, which no member's can be.

// OwnID is the id in full of what a member calls id: without a dot the member's name is put before it. One with a dot is in full
// already, and may be another's.
func OwnID(member, id string) string {
	if strings.Contains(id, ".") {
		return id
	}
	return member + "." + id
}

// MemberOf names the member that gave an id, "" when none can have done so.
func MemberOf(id string) string {
	member, local, _ := strings.Cut(id, ".")
	if local == "" {
		return ""
	}
	return member
}
