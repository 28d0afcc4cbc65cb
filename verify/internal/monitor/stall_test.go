package monitor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
)

func TestStall(t *testing.T) {
	const minute = 6 // rounds
	t.Run("idle", func(t *testing.T) {
		trip := newTrip(3)
		g := newGround(t, trip, &fakeAPI{trip: trip})
		g.expect("for an hour", g.run(60*minute, nil), 0, "")
	})
	t.Run("busy", func(t *testing.T) {
		trip := newTrip(3)
		g := newGround(t, trip, &fakeAPI{trip: trip, waiting: 5})
		g.expect("leaves always wait, anchors come", g.run(5*minute, func(n int) {
			if n%5 == 0 {
				grow(trip, 1)
			}
		}), 0, "")
	})
	t.Run("leaves wait, then an anchor comes", func(t *testing.T) {
		trip := newTrip(3)
		a := &fakeAPI{trip: trip, waiting: 5}
		g := newGround(t, trip, a)
		g.expect("for two minutes", g.run(3*minute, func(n int) {
			if n == 2*minute {
				grow(trip, 1)
				a.waiting = 0
			}
		}), 0, "stall recovered")
	})
	t.Run("no anchor ever", func(t *testing.T) {
		trip := evidencetest.NewTrip(newTrip(0).C)
		g := newGround(t, trip, &fakeAPI{trip: trip, waiting: 1})
		g.expect("for two minutes", g.run(2*minute, nil), 2, "stall")
	})
	t.Run("seen by cron", func(t *testing.T) {
		trip := newTrip(3)
		a := &fakeAPI{trip: trip}
		g := newGround(t, trip, a)
		g.expect("idle", g.once(0), 0, "")
		a.waiting = 3
		g.expect("leaves wait", g.once(time.Hour), 0, "")
		grow(trip, 1)
		g.expect("others wait", g.once(time.Hour), 0, "")
		a.down = os.ErrDeadlineExceeded
		g.expect("away", g.once(time.Second), 2, "unreachable")
		a.down = nil
		g.expect("they wait for an hour", g.once(time.Hour), 2, "stall")
		a.waiting = 0
		g.expect("over", g.once(time.Second), 0, "")
	})
	t.Run("a promise that does not believe the instance", func(t *testing.T) {
		trip := newTrip(3)
		g := newGround(t, trip, &fakeAPI{trip: trip})
		g.least = 10 * time.Minute
		g.expect("for five minutes", g.run(5*minute, nil), 0, "")
		g.expect("for eleven minutes", g.run(6*minute, nil), 2, "stall")
	})
}

func TestLagging(t *testing.T) {
	trip := newTrip(3)
	good, slow := &fakeAPI{trip: trip, name: "good"}, &fakeAPI{trip: trip, name: "slow"}
	g := newGround(t, trip, good, slow)
	g.expect("together", g.once(0), 0, "")
	grow(trip, 1)
	slow.hide = 1
	g.expect("a moment apart", g.once(time.Second), 0, "")
	g.expect("for longer", g.once(2*time.Minute), 2, "lagging")
	slow.hide = 99
	g.expect("shows nothing", g.once(time.Second), 2, "lagging")
	slow.hide = 0
	g.expect("it has caught up", g.once(time.Second), 0, "")
	good.hide, slow.hide = 1, 1
	g.expect("both went back", g.once(2*time.Minute), 1, "rollback")
	if raw, err := os.ReadFile(g.events[0].File); err != nil || len(raw) == 0 || filepath.Dir(g.events[0].File) != g.dir {
		t.Errorf("the lost anchor's evidence: %v", err)
	}
	good.hide, slow.hide = 99, 99
	g.expect("both lists are empty", g.once(time.Second), 1, "rollback")
}

// A single silent second is not worth a line of a running monitor, a minute is.
func TestUnreachable(t *testing.T) {
	trip := newTrip(3)
	a := &fakeAPI{trip: trip}
	g := newGround(t, trip, a)
	g.expect("running", g.run(30, func(n int) {
		a.down = nil
		if n == 3 || n > 10 && n < 25 {
			a.down = os.ErrDeadlineExceeded
		}
	}), 0, "unreachable recovered")
}

func TestState(t *testing.T) {
	trip := newTrip(3)
	g := newGround(t, trip, &fakeAPI{trip: trip})
	g.expect("first look", g.once(0), 0, "")
	path := filepath.Join(g.dir, "state.json")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	cases := []struct{ name, content, text string }{
		{"cut", string(good[:len(good)/2]), "damaged"},
		{"empty", "", "damaged"},
		{"newer", strings.Replace(string(good), `"version":1`, `"version":2`, 1), "version 2"},
		{"of another ledger", strings.Replace(string(good), g.policy.Config.Hash, strings.Repeat("0", 64), 1), "its own state file"},
		{"with a hole", strings.Replace(string(good), `"n":1,`, `"n":7,`, 1), "damaged"},
	}
	for _, c := range cases {
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := New(g.config()); err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(g.dir, ".tmp-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
