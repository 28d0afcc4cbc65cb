package contract

import "github.com/trackseal/trackseal/internal/ledger"

// members: who belongs to the network is what the ledger says, so every peer and every verifier answers it alike.
var members = []function{
	change(ledger.MemberFound, operator, ledger.EventFounded, found),
	read(ledger.MemberGet, getMember),
	list(ledger.MemberList, noID, records[ledger.Member](ledger.ObjMember)),
}

// found writes the first members. The record of the founding has its own key, which a second founding finds taken, also one
// that is under way at the same time.
func found(t *transaction, a ledger.FoundArgs) (*ledger.Founding, error) {
	f := &ledger.Founding{By: t.MSP, TimeMS: t.TimeMS, Tx: t.Tx}
	ours := false
	for _, m := range a.Members {
		f.Members = append(f.Members, ledger.Member{Name: m.Name, MSP: m.MSP, DisplayName: m.DisplayName, Operator: m.Operator, JoinedMS: t.TimeMS, Tx: t.Tx})
		ours = ours || m.MSP == t.MSP
	}
	if !ours {
		return nil, ledger.Refuse(ledger.Forbidden, "%s is not one of the members it names", t.MSP)
	}
	if err := t.create(ledger.FoundingKey(), f, ledger.Refuse(ledger.Exists, "the network is founded already")); err != nil {
		return nil, err
	}
	for _, m := range f.Members {
		if err := t.put(ledger.MemberKey(m.Name), m); err != nil {
			return nil, err
		}
		if err := t.put(ledger.MemberMSPKey(m.MSP), m.Name); err != nil {
			return nil, err
		}
	}
	return f, nil
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
		return "", ledger.Refuse(ledger.Forbidden, "%s is not a member of this network", t.MSP)
	}
	if err != nil {
		return "", err
	}
	return *name, nil
}

func getMember(t *transaction, a ledger.NameArgs) (*ledger.Member, error) {
	return existing[ledger.Member](t, ledger.MemberKey(a.Name), "there is no member %s", a.Name)
}

// allMembers refuses an MSP id that is no member's.
func allMembers(t *transaction, msps []string) error {
	for _, msp := range msps {
		m, err := memberOf(t, msp)
		if err != nil {
			return err
		}
		if m == nil {
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
