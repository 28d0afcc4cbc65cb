package trackerchain

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/trackseal/trackseal/internal/telemetry"
)

func hashed(text string) telemetry.Hash { return sha256.Sum256([]byte(text)) }

func chainOf(links []Link) *Chain {
	return NewChain(len(links), func(i int) *Link { return &links[i] })
}

func TestStep(t *testing.T) {
	a, b := hashed("a"), hashed("b")
	first := Link{Boot: 1, Seq: 4, Hash: a}
	for _, tc := range []struct {
		name string
		next Link
		more []Link // after next
		want Step
	}{
		{"follows", Link{Boot: 1, Seq: 5, Prev: a, Hash: b}, nil, Step{}},
		{"duplicate", first, nil, Step{Word: telemetry.Duplicate}},
		{"fork", Link{Boot: 1, Seq: 4, Hash: b}, nil, Step{Word: telemetry.Fork}},
		{"chain_break", Link{Boot: 1, Seq: 5, Prev: hashed("x"), Hash: b}, nil, Step{Word: telemetry.ChainBreak}},
		{"boot_regress", Link{Boot: 1, Seq: 5, Prev: hashed("z"), Hash: b}, []Link{{Boot: 3, Hash: hashed("z")}}, Step{Word: telemetry.BootRegress, Next: 2}},
		{"seq_gap", Link{Boot: 1, Seq: 7, Prev: hashed("x"), Hash: b}, nil, Step{Word: telemetry.SeqGap}},
		{"seq_gap, whatever it links to", Link{Boot: 1, Seq: 7, Prev: a, Hash: b}, nil, Step{Word: telemetry.SeqGap}},
		{"gap_declared", Link{Boot: 1, Seq: 7, Hash: b, Gap: &telemetry.GapDetail{Boot: 1, FromSeq: 5, ToSeq: 6}}, nil, Step{Word: telemetry.GapDeclared, Lost: 2}},
		{"gap_declared in part", Link{Boot: 1, Seq: 7, Hash: b, Gap: &telemetry.GapDetail{Boot: 1, FromSeq: 6, ToSeq: 6}}, nil, Step{Word: telemetry.SeqGap}},
		{"reboot", Link{Boot: 3, Prev: a, Hash: b}, nil, Step{Word: telemetry.Reboot}},
		{"seq_gap before a boot", Link{Boot: 2, Prev: hashed("x"), Hash: b}, nil, Step{Word: telemetry.SeqGap}},
		{"seq_gap in a boot", Link{Boot: 2, Seq: 1, Prev: a, Hash: b}, nil, Step{Word: telemetry.SeqGap}},
		{"chain_break before a boot", Link{Boot: 2, Hash: b}, nil, Step{Word: telemetry.ChainBreak}},
		{"reboot after a declared end", Link{Boot: 2, Prev: hashed("x"), Hash: b, Gap: &telemetry.GapDetail{Boot: 1, FromSeq: 5, ToSeq: 5}}, nil, Step{Word: telemetry.Reboot}},
	} {
		if got := chainOf(append([]Link{first, tc.next}, tc.more...)).Step(1); got != tc.want {
			t.Errorf("%s: %+v, expected %+v", tc.name, got, tc.want)
		}
	}
}

// Either of two messages in one place may be the one that the chain goes on from.
func TestStepAfterAFork(t *testing.T) {
	for _, prev := range []string{"b", "c"} {
		links := []Link{{Boot: 1, Hash: hashed("b")}, {Boot: 1, Hash: hashed("c")}, {Boot: 1, Seq: 1, Prev: hashed(prev), Hash: hashed("d")}}
		if got := chainOf(links).Step(2); got != (Step{}) {
			t.Errorf("after %s: %+v, expected that it follows", prev, got)
		}
	}
}

// story is what a tracker and whoever copied or tampered with it leaves behind.
func story(t *rapid.T) []Link {
	var links []Link
	for _, f := range flights(t) {
		if !f.dropped && rapid.IntRange(0, 9).Draw(t, "kept back") > 0 {
			links = append(links, f.Link)
		}
	}
	for i := range links {
		if rapid.IntRange(0, 14).Draw(t, "clone") == 0 {
			l := links[i]
			l.Hash = hashed(fmt.Sprintf("clone of %d", i))
			links = append(links, l)
		}
		if rapid.IntRange(0, 14).Draw(t, "twice") == 0 {
			links = append(links, links[i])
		}
	}
	return links
}

// ingest plays one: what it says of each message, and where its ack stands.
func ingest(t *rapid.T, arriving []Link) (words [][]telemetry.Reason, p *Progress) {
	p = &Progress{}
	holds := map[telemetry.Position]telemetry.Hash{}
	forks := map[telemetry.Hash]bool{}
	held := func(boot, seq uint64) (telemetry.Hash, bool, error) {
		h, ok := holds[telemetry.Position{Boot: boot, Seq: seq}]
		return h, ok, nil
	}
	for i := range arriving {
		l := &arriving[i]
		word, err := p.Recognise(l, held)
		said := []telemetry.Reason{word}
		switch word {
		case telemetry.Fork:
			if forks[l.Hash] {
				said[0] = telemetry.Duplicate
			}
			forks[l.Hash] = true
		case "":
			holds[telemetry.Position{Boot: l.Boot, Seq: l.Seq}] = l.Hash
			if said, err = p.Place(l, held); err != nil {
				t.Fatal(err)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		words = append(words, said)
	}
	return words, p
}

func count(words [][]telemetry.Reason, want telemetry.Reason) (n int) {
	for _, w := range words {
		if slices.Contains(w, want) {
			n++
		}
	}
	return n
}

// Ingest, which sees messages come, says the same as the API and the verifier, which see them lie there: of duplicates and forks in
// whatever order they came, and of all when they came in the tracker's order.
func TestIngestAgreesWithWhoLooksLater(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		links := story(t)
		if len(links) == 0 {
			return
		}
		sorted := slices.Clone(links)
		slices.SortStableFunc(sorted, func(a, b Link) int { return Compare(&a, &b) })
		chain := chainOf(sorted)
		var later [][]telemetry.Reason
		missing := sorted[0].Boot != 1 || sorted[0].Seq != 0
		for i := range sorted {
			var w telemetry.Reason
			if i > 0 {
				w = chain.Step(i).Word
			}
			later = append(later, []telemetry.Reason{w})
			missing = missing || w == telemetry.SeqGap
		}
		arriving := rapid.Permutation(links).Draw(t, "order")
		words, p := ingest(t, arriving)
		for _, w := range []telemetry.Reason{telemetry.Duplicate, telemetry.Fork} {
			if got, want := count(words, w), count(later, w); got != want {
				t.Fatalf("%s %d times as they come, %d times as they lie", w, got, want)
			}
		}
		if boot, seq, ok := p.Ack(); !missing && count(later, telemetry.Fork) == 0 { // after a fork it may hold the one that does not go on
			last := sorted[len(sorted)-1]
			if !ok || boot != last.Boot || seq != last.Seq {
				t.Fatalf("nothing is missing up to %d/%d, and ingest waits at %d/%d\n%+v", last.Boot, last.Seq, boot, seq, p)
			}
		}
		// In the tracker's order: what is missing now is said now; a declaration may come after.
		words, _ = ingest(t, sorted)
		for i := 1; i < len(sorted); i++ {
			before := &sorted[i-1]
			if slices.ContainsFunc(sorted, func(l Link) bool { return samePlace(&l, before) && l.Hash != before.Hash }) && !samePlace(&sorted[i], before) {
				continue // ingest holds one message of a fork, and cannot know that this one goes on from the other
			}
			step := chainOf(sorted[:i+1]).Step(i)
			for _, w := range []telemetry.Reason{telemetry.Duplicate, telemetry.Fork, telemetry.ChainBreak} {
				if got, want := slices.Contains(words[i], w), step.Word == w; got != want {
					t.Fatalf("message %d of %+v: %s is %v as it comes (%v), %v as it lies (%+v)", i, sorted, w, got, words[i], want, step)
				}
			}
			if step.Word == telemetry.SeqGap && !slices.Contains(words[i], telemetry.SeqGap) {
				t.Fatalf("message %d of %+v: seq_gap as it lies, %v as it comes", i, sorted, words[i])
			}
			if slices.Contains(words[i], telemetry.SeqGap) && step.Word != telemetry.SeqGap && step.Lost == 0 {
				t.Fatalf("message %d of %+v: seq_gap as it comes, %+v as it lies", i, sorted, step)
			}
		}
	})
}
