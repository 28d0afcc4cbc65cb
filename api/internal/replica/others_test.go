package replica

import (
	"errors"
	"slices"
	"testing"

	"github.com/trackseal/trackseal/api/internal/fakestore"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored/copying"
	"github.com/trackseal/trackseal/internal/stored/transfer"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// beside gives the world another party that has a copy of what the operator has now.
func (w *world) beside() *node {
	w.t.Helper()
	store := &fakestore.Store{Stored: slices.Clone(w.node.store.Stored), Points: slices.Clone(w.node.store.Points), HeadList: slices.Clone(w.node.store.HeadList)}
	p := &node{name: "carrier", store: store}
	w.parties = map[string]*node{"CarrierMSP": p}
	return p
}

// looks goes on for so long, a second each time, as run does.
func (w *world) looks(seconds int) {
	w.t.Helper()
	for range seconds {
		w.ms += 1000
		if err := w.source().elsewhere(w.t.Context(), w.round()); w.t.Context().Err() != nil {
			w.t.Fatal(err)
		}
	}
}

// An operator that is gone: another party's node has the leaves, and they are verified in the same way.
func TestTakenFromAPartyWhenTheOperatorIsGone(t *testing.T) {
	for name, gone := range map[string]func(*world){
		"does not answer":    func(w *world) { w.node.fail = errors.New("no route") },
		"has no address":     func(w *world) { w.gone = true; w.replica.refresh() },
		"gives nothing more": func(w *world) { w.node.heads = func(h *transfer.Heads) { h.Items, h.Next = h.Items[:0], 1 } },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.log(3)
			w.rounds()
			w.log(3)
			w.beside()
			gone(w)
			w.looks(60)
			w.same(8, 2)
			if found := w.findings(); len(found) != 1 || found[0].What != copying.Lagging || found[0].By != instance {
				t.Errorf("found %+v, expected that the operator lags", found)
			}
		})
	}
}

// An operator that gives a message otherwise is named as long as it does, although another party gave the true one.
func TestALieStaysNamedUntilItIsTakenBack(t *testing.T) {
	w := newWorld(t)
	w.log(3)
	w.beside()
	w.node.messages = func(from uint64, entries bool, page *transfer.Messages) {
		if i := 2 - int(from); i >= 0 && i < len(page.Items) && !entries {
			page.Items[i].Raw[0] ^= 1
		}
	}
	w.looks(30)
	w.same(4, 1)
	if found := w.findings(); len(found) != 1 || found[0].What != copying.Differs || found[0].By != instance || found[0].Leaf != 2 {
		t.Errorf("found %+v, expected that the operator gives leaf 2 otherwise", found)
	}
	w.log(1)
	w.looks(30)
	w.same(6, 2)
	if found := w.findings(); len(found) != 1 {
		t.Errorf("while it still lies: %+v", found)
	}
	w.node.messages = nil
	w.looks(10)
	if found := w.findings(); len(found) != 0 {
		t.Errorf("after the truth: %+v", found)
	}
}

// One that hides a message is named as long as it does, whatever else it gives.
func TestAHiddenMessageStaysNamed(t *testing.T) {
	w := newWorld(t)
	w.log(3)
	w.beside()
	w.node.messages = func(_ uint64, _ bool, page *transfer.Messages) {
		page.Items = page.Items[:max(0, len(page.Items)-1)]
	}
	w.looks(30)
	w.same(4, 1)
	if found := w.findings(); len(found) != 1 || found[0].What != copying.Missing || found[0].By != instance {
		t.Errorf("found %+v, expected that the operator does not give a leaf", found)
	}
	w.node.messages = nil
	w.looks(10)
	if found := w.findings(); len(found) != 0 {
		t.Errorf("after the truth: %+v", found)
	}
}

// A party that gives something else is named beside the operator, and nothing of it is taken.
func TestAPartyThatLies(t *testing.T) {
	w := newWorld(t)
	w.log(3)
	p := w.beside()
	w.node.fail = errors.New("no route")
	p.messages = func(from uint64, _ bool, page *transfer.Messages) {
		for i := range page.Items {
			page.Items[i].Raw = []byte("nothing")
		}
	}
	w.looks(60)
	if len(w.own.HeadList) != 0 || len(w.own.Stored) != 0 {
		t.Errorf("%d messages and %d heads were taken", len(w.own.Stored), len(w.own.HeadList))
	}
	if found := w.findings(); !slices.ContainsFunc(found, func(f Finding) bool { return f.By == "carrier" && f.What == copying.Differs && f.Subject == w.ship.ID }) {
		t.Errorf("found %+v, expected the carrier's node to be named", found)
	}
	p.messages = nil
	w.looks(700)
	w.same(4, 1)
	if found := w.findings(); slices.ContainsFunc(found, func(f Finding) bool { return f.By == "carrier" }) {
		t.Errorf("after the truth: %+v", found)
	}
}

// With an operator that gives everything nobody else is asked.
func TestOthersAreNotAskedWithoutNeed(t *testing.T) {
	w := newWorld(t)
	w.log(3)
	p := w.beside()
	w.looks(100)
	w.same(4, 1)
	if p.asked > 0 {
		t.Errorf("another party was asked %d times", p.asked)
	}
}

// An operator that was made again asks the parties for what they kept of it.
func TestOutsideFromTheParties(t *testing.T) {
	w := newWorld(t)
	w.replica.cfg.Own = []string{"consignee.ingest-1"}
	m, err := telemetry.Decode(w.tracker.Message(w.ms, nil))
	if err != nil {
		t.Fatal(err)
	}
	p := w.beside()
	p.outside = [][]byte{m.COSE, []byte("nothing")}
	w.node.fail = errors.New("gone")
	if got, err := w.replica.Outside(t.Context(), w.ship.ID, nil); err != nil || len(got) != 1 || string(got[0]) != string(m.COSE) {
		t.Errorf("came %x, %v; expected %x", got, err, m.COSE)
	}
}

// A member that has left, or has retired its instance, owes nothing that can be waited for: the instance is not missed, and what the parties
// have of it is still taken.
func TestInstancesThatEnded(t *testing.T) {
	retire := func(w *world) {
		w.submit(ledger.AnchorRetire, ledger.RetireArgs{Ingest: instance}, nil)
		if _, err := w.replica.subjects.list(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
	for name, ends := range map[string]func(*world){"its member left": func(w *world) { w.ended = true }, "it is retired": retire} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.log(3)
			w.beside()
			w.gone = true
			ends(w)
			w.replica.refresh()
			w.looks(120)
			w.same(4, 1)
			if st := w.replica.States()[0]; st.Trouble != "" || st.Behind != 0 || len(st.Findings) != 0 {
				t.Errorf("%+v, expected that nothing is amiss", st)
			}
		})
	}
}
