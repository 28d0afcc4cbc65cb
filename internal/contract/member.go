package contract

import (
	"slices"

	"github.com/trackseal/trackseal/internal/ledger"
)

// members: who belongs to the network is what the ledger says, so every peer and every verifier answers it alike.
var members = []function{
	change(ledger.MemberFound, operator, ledger.EventFounded, found),
	change(ledger.MemberPropose, operator, ledger.EventProposal, proposeMember),
	change(ledger.MemberCast, operator, ledger.EventProposal, vote),
	change(ledger.MemberExecute, operator, ledger.EventProposal, executeProposal),
	change(ledger.MemberWithdraw, operator, ledger.EventProposal, withdrawProposal),
	change(ledger.MemberLeave, operator, ledger.EventMember, leave),
	change(ledger.MemberAnnounce, operator, ledger.EventMember, announce),
	// Whoever has ended may still see that it has.
	forEnded(read(ledger.MemberGet, getMember)),
	forEnded(list(ledger.MemberList, noID, records[ledger.Member](ledger.ObjMember))),
	forEnded(list(ledger.MemberProposals, noID, listProposals)),
	list(ledger.MemberMakers, noID, records[ledger.Maker](ledger.ObjMaker)),
}

// forEnded opens a transaction to members that have left or were evicted.
func forEnded(f function) function {
	f.forEnded = true
	return f
}

// found writes the first members. The record of the founding has its own key, which a second founding finds taken, also one
// that is under way at the same time.
func found(t *transaction, a ledger.FoundArgs) (*ledger.Founding, error) {
	f := &ledger.Founding{By: t.MSP, TimeMS: t.TimeMS, Tx: t.Tx}
	ours := false
	for _, m := range a.Members {
		f.Members = append(f.Members, t.join(m))
		ours = ours || m.MSP == t.MSP
	}
	if !ours {
		return nil, ledger.Refuse(ledger.Forbidden, "%s is not one of the members it names", t.MSP)
	}
	if err := t.create(ledger.FoundingKey(), f, ledger.Refuse(ledger.Exists, "the network is founded already")); err != nil {
		return nil, err
	}
	for _, m := range f.Members {
		if err := t.putMember(m); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// join is the record of one that becomes a member with this transaction.
func (t *transaction) join(m ledger.Founder) ledger.Member {
	kind := m.Kind
	if kind == "" {
		kind = ledger.NodeMember
	}
	return ledger.Member{Name: m.Name, MSP: m.MSP, DisplayName: m.DisplayName, Operator: m.Operator, Kind: kind, JoinedMS: t.TimeMS, Tx: t.Tx}
}

// putMember writes a new member.
func (t *transaction) putMember(m ledger.Member) error {
	if err := t.put(ledger.MemberKey(m.Name), m); err != nil {
		return err
	}
	return t.put(ledger.MemberMSPKey(m.MSP), m.Name)
}

// notEnded refuses a caller that was a member and is none any more. A member's transaction reads the key of its end, so that an end which comes
// between its endorsement and its block makes it invalid.
func (t *transaction) notEnded() error {
	e, err := get[ledger.Ended](t, ledger.EndedKey(t.MSP))
	if err != nil || e == nil {
		return err
	}
	how := "has left the network"
	if e.Why == ledger.Evicted {
		how = "was evicted from the network"
	}
	return ledger.Refuse(ledger.Forbidden, "%s %s, at %d by transaction %s", t.MSP, how, e.TimeMS, e.Tx)
}

// announce sets where the caller's own nodes are reached. The transaction is its signature.
func announce(t *transaction, a ledger.AnnounceArgs) (*ledger.Member, error) {
	m, err := ourMember(t)
	if err != nil {
		return nil, err
	}
	for _, e := range a.Ingest {
		if err := t.own("ingest.id", e.ID); err != nil {
			return nil, err
		}
	}
	e := ledger.Endpoints{API: a.API, Ingest: a.Ingest, MQTT: a.MQTT, CA: a.CA, TimeMS: t.TimeMS, Tx: t.Tx}
	if m.Endpoints == nil && a.Empty() || m.Endpoints != nil && m.Endpoints.Same(a) {
		return m, nil // said already: a node may announce whenever it starts
	}
	m.Endpoints = &e
	return m, t.put(ledger.MemberKey(m.Name), m)
}

// leave ends the caller's own membership. Its ingest instances are out of service before: else their seals would be waited for, and nobody could
// give them any more.
func leave(t *transaction, _ ledger.NoArgs) (*ledger.Member, error) {
	m, err := ourMember(t)
	if err != nil {
		return nil, err
	}
	inService, err := instances(t, t.MSP)
	if err != nil {
		return nil, err
	}
	if len(inService) > 0 {
		return nil, ledger.Refuse(ledger.BadState, "%s has ingest %s in service: seal what it has, then retire it", m.Name, inService[0])
	}
	return m, endMember(t, m, ledger.Left)
}

// endMember ends a membership.
func endMember(t *transaction, m *ledger.Member, why string) error {
	members, err := roster(t)
	if err != nil {
		return err
	}
	if len(members) <= 1 {
		return ledger.Refuse(ledger.BadState, "%s is the last member", m.Name)
	}
	m.Ended = &ledger.Ended{Why: why, TimeMS: t.TimeMS, Tx: t.Tx}
	if err := t.put(ledger.MemberKey(m.Name), m); err != nil {
		return err
	}
	if err := t.put(ledger.EndedKey(m.MSP), m.Ended); err != nil {
		return err
	}
	return t.put(ledger.RosterKey(), slices.DeleteFunc(members, func(msp string) bool { return msp == m.MSP }))
}

// roster are the MSP ids of the members in force, sorted.
func roster(t *transaction) ([]string, error) {
	msps, err := get[[]string](t, ledger.RosterKey())
	if err != nil {
		return nil, err
	}
	if msps != nil {
		return *msps, nil
	}
	f, err := existing[ledger.Founding](t, ledger.FoundingKey(), "the network is not founded")
	if err != nil {
		return nil, err
	}
	var founders []string
	for _, m := range f.Members {
		founders = append(founders, m.MSP)
	}
	slices.Sort(founders)
	return founders, nil
}

// ourMember is the caller's record.
func ourMember(t *transaction) (*ledger.Member, error) {
	m, err := memberOf(t, t.MSP)
	if err == nil && m == nil {
		return nil, notAMember(t.MSP)
	}
	return m, err
}

func notAMember(msp string) error {
	return ledger.Refuse(ledger.Forbidden, "%s is not a member of this network", msp)
}

// own refuses an id that is not the caller's to give, and looks at nothing else: whether another member has the id stays unknown.
func (t *transaction) own(what, id string) error {
	name, err := t.member()
	if err == nil && ledger.MemberOf(id) != name {
		return ledger.Refuse(ledger.Invalid, "%s: must begin with %s. as all that %s makes, not %.80q", what, name, name, id)
	}
	return err
}

// member is the caller's name.
func (t *transaction) member() (string, error) {
	name, err := existing[string](t, ledger.MemberMSPKey(t.MSP), "")
	if ledger.CodeOf(err) == ledger.NotFound {
		return "", notAMember(t.MSP)
	}
	if err != nil {
		return "", err
	}
	return *name, nil
}

func getMember(t *transaction, a ledger.NameArgs) (*ledger.Member, error) {
	return existing[ledger.Member](t, ledger.MemberKey(a.Name), "there is no member %s", a.Name)
}

// allMembers refuses an MSP id that is not that of a member in force.
func allMembers(t *transaction, msps []string) error {
	for _, msp := range msps {
		m, err := memberOf(t, msp)
		if err != nil {
			return err
		}
		if m == nil || !m.InForce() {
			return ledger.Refuse(ledger.Invalid, "parties: %s is not a member of this network", msp)
		}
	}
	return nil
}

// memberOf is the member with this MSP id, nil when it is none's.
func memberOf(t *transaction, msp string) (*ledger.Member, error) {
	name, err := get[string](t, ledger.MemberMSPKey(msp))
	if err != nil || name == nil {
		return nil, err
	}
	return get[ledger.Member](t, ledger.MemberKey(*name))
}

// instances are the ids of a member's ingest instances in service: those that have a heads log and are not retired.
func instances(t *transaction, msp string) ([]string, error) {
	ids, err := get[[]string](t, ledger.InstancesKey(msp))
	if err != nil || ids == nil {
		return nil, err
	}
	return *ids, nil
}
