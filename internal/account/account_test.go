package account

import (
	"encoding/hex"
	"testing"

	"github.com/trackseal/trackseal/internal/client"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// sheetOf enters n acknowledged messages and returns how an honest system shows them.
func sheetOf(b *Book, tracker string, boot uint64, n int) []client.Message {
	var shown []client.Message
	for i := range n {
		hash := telemetry.Hash{byte(i), byte(i >> 8), byte(boot), tracker[0]}
		b.Acked(tracker, telemetry.Position{Boot: boot, Seq: uint64(i)}, hash)
		shown = append(shown, client.Message{
			Log: "log-of-" + tracker, Leaf: int64(i), Tracker: tracker, Boot: int64(boot), Seq: int64(i),
			Hash: hex.EncodeToString(hash[:]), Status: "anchored",
		})
	}
	return shown
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*Book, []client.Message) []client.Message
		ok    bool
		want  func(Report) bool
	}{
		{"honest", func(_ *Book, m []client.Message) []client.Message { return m }, true,
			func(r Report) bool { return r.Sent == 10 && r.Acked == 10 && r.Stored == 10 && r.Anchored == 10 }},
		{"sent without acknowledgement and stored", func(b *Book, m []client.Message) []client.Message {
			b.Sent("t", telemetry.Position{Boot: 1, Seq: 10}, telemetry.Hash{99})
			hash := telemetry.Hash{99}
			return append(m, client.Message{Log: "log-of-t", Leaf: 10, Tracker: "t", Boot: 1, Seq: 10, Hash: hex.EncodeToString(hash[:]), Status: "logged"})
		}, true, func(r Report) bool { return r.Sent == 11 && r.Acked == 10 && r.Stored == 11 }},
		{"sent without acknowledgement and not stored", func(b *Book, m []client.Message) []client.Message {
			b.Sent("t", telemetry.Position{Boot: 1, Seq: 10}, telemetry.Hash{99})
			return m
		}, true, func(r Report) bool { return r.Sent == 11 && r.Stored == 10 }},
		{"newest dropped", func(_ *Book, m []client.Message) []client.Message { return m[:9] }, false,
			func(r Report) bool { return r.Lost == 1 && r.LeafErrors == 0 }},
		{"dropped in the middle", func(_ *Book, m []client.Message) []client.Message { return append(m[:4:4], m[5:]...) }, false,
			func(r Report) bool { return r.Lost == 1 && r.LeafErrors == 1 }},
		{"doubled", func(_ *Book, m []client.Message) []client.Message {
			again := m[3]
			again.Leaf = 10
			return append(m, again)
		}, false, func(r Report) bool { return r.Doubled == 1 && r.Lost == 0 && r.Stored == 10 }},
		{"two messages on one leaf", func(_ *Book, m []client.Message) []client.Message { m[9].Leaf = 3; return m }, false,
			func(r Report) bool { return r.LeafErrors == 1 && r.Lost == 0 && r.Stored == 10 }},
		{"altered", func(_ *Book, m []client.Message) []client.Message { m[3].Hash = m[4].Hash; return m }, false,
			func(r Report) bool { return r.Phantom == 1 && r.Lost == 1 }},
		{"not logged", func(_ *Book, m []client.Message) []client.Message { m[9].Status = "stored"; return m }, false,
			func(r Report) bool { return r.Unlogged == 1 && r.Lost == 0 && r.Logged == 9 }},
		{"message of a stranger", func(_ *Book, m []client.Message) []client.Message {
			return append(m, client.Message{Log: "log-of-t", Leaf: 10, Tracker: "mallory", Boot: 1})
		}, false, func(r Report) bool { return r.Phantom == 1 }},
		{"boot that never was", func(_ *Book, m []client.Message) []client.Message { m[2].Boot = 7; return m }, false,
			func(r Report) bool { return r.Phantom == 1 && r.Lost == 1 }},
		{"boot of an earlier run", func(_ *Book, m []client.Message) []client.Message {
			return append(m, client.Message{Log: "log-of-t", Leaf: 10, Tracker: "t", Boot: 0})
		}, true, func(r Report) bool { return r.Earlier == 1 }},
		{"plain message of ours", func(b *Book, m []client.Message) []client.Message {
			hash := telemetry.Hash{99}
			b.Acked("p", telemetry.Position{Seq: 4}, hash)
			return append(m, client.Message{Log: "log-of-t", Leaf: 10, Tracker: "p", Trust: "unsigned", Hash: hex.EncodeToString(hash[:]), Status: "anchored"})
		}, true, func(r Report) bool { return r.Acked == 11 && r.Stored == 11 }},
		{"plain message of another run", func(b *Book, m []client.Message) []client.Message {
			b.Sent("p", telemetry.Position{Seq: 4}, telemetry.Hash{99})
			return append(m, client.Message{Log: "log-of-t", Leaf: 10, Tracker: "p", Trust: "unsigned", Hash: m[0].Hash[:62] + "ff", Status: "anchored"})
		}, true, func(r Report) bool { return r.Earlier == 1 && r.Stored == 10 }},
		{"another tracker's message", func(b *Book, m []client.Message) []client.Message {
			sheetOf(b, "u", 1, 1)
			m[0].Tracker = "u"
			return m
		}, false, func(r Report) bool { return r.Phantom == 1 && r.Lost == 2 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := NewBook()
			shown := c.spoil(b, sheetOf(b, "t", 1, 10))
			check := b.Check(false)
			for _, m := range shown {
				check.Message(m)
			}
			r := check.Report()
			if r.OK() != c.ok || !c.want(r) {
				t.Errorf("report %+v is OK: %v, want %v and what the case says", r, r.OK(), c.ok)
			}
			if !c.ok && r.Unlogged == 0 && len(r.Findings) == 0 {
				t.Error("a red verdict without a finding")
			}
		})
	}
}

// Others' leaves between ours are no holes; two of our messages on one leaf are wrong in any log.
func TestSharedLogs(t *testing.T) {
	b := NewBook()
	shown := sheetOf(b, "t", 1, 10)
	for i := range shown {
		shown[i].Leaf = int64(100 + 2*i)
	}
	report := func() Report {
		check := b.Check(true)
		for _, m := range shown {
			check.Message(m)
		}
		return check.Report()
	}
	if r := report(); !r.OK() || r.Stored != 10 || len(r.Findings) != 0 {
		t.Errorf("OK %v with %d stored, findings %v; want 10 and none", r.OK(), r.Stored, r.Findings)
	}
	shown[9].Leaf = shown[8].Leaf
	if r := report(); r.OK() || r.LeafErrors != 1 || len(r.Findings) != 1 {
		t.Errorf("OK %v with %d leaf errors, findings %v; want one of each", r.OK(), r.LeafErrors, r.Findings)
	}
}

func TestCheckCanBeRepeated(t *testing.T) {
	b := NewBook()
	shown := sheetOf(b, "a", 1, 5)
	shown = append(shown, sheetOf(b, "b", 3, 5)...)
	for i := range 2 {
		check := b.Check(false)
		for _, m := range shown {
			check.Message(m)
		}
		if r := check.Report(); !r.OK() || r.Stored != 10 {
			t.Errorf("check %d: OK %v with %d stored, want 10", i, r.OK(), r.Stored)
		}
	}
}

func TestFindingsAreBounded(t *testing.T) {
	b := NewBook()
	sheetOf(b, "t", 1, 1000)
	r := b.Check(false).Report()
	if r.Lost != 1000 || len(r.Findings) != maxFindings {
		t.Errorf("%d lost with %d findings, want 1000 and %d", r.Lost, len(r.Findings), maxFindings)
	}
}
