package launcher

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
)

func TestFoundingCallNamesTheStacksOrganisations(t *testing.T) {
	l, _ := open(t, filepath.Join(t.TempDir(), "stack"))
	call, err := l.foundingCall()
	if err != nil {
		t.Fatal(err)
	}
	var c struct{ Args []string }
	if err := json.Unmarshal([]byte(call), &c); err != nil || len(c.Args) != 2 || c.Args[0] != ledger.MemberFound.Name() {
		t.Fatalf("got %s (%v), want a call of %s with one argument", call, err, ledger.MemberFound)
	}
	var args ledger.FoundArgs
	if err := ledger.Decode([]byte(c.Args[1]), &args); err != nil {
		t.Fatalf("%s: %v", c.Args[1], err)
	}
	if err := args.Validate(); err != nil {
		t.Errorf("the contract would refuse it: %v", err)
	}
	msps := map[string]string{}
	for _, m := range args.Members {
		msps[m.Name] = m.MSP
		if want := m.Name == string(operator); m.Operator != want {
			t.Errorf("%s is founded as an operator: %t, want %t", m.Name, m.Operator, want)
		}
	}
	for _, o := range l.Stack.Orgs() {
		if msps[string(o)] != o.MSP() {
			t.Errorf("%s is founded with MSP %q, want %q", o, msps[string(o)], o.MSP())
		}
	}
}
