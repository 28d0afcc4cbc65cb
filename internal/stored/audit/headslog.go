package audit

import (
	"context"
	"fmt"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// rebuilt is the heads log as its heads give it.
type rebuilt struct {
	log    merkle.Log
	next   uint64
	whole  bool
	size   uint64 // of the newest anchor
	proven uint64 // heads below are proven by the root of an anchor
}

// headsLog rebuilds the heads log from what the store has of it, and compares it with the newest anchor: that root covers every head before.
func (j *Job) headsLog(ctx context.Context) (n uint64, err error) {
	t := &j.tree
	t.whole = !j.Partial
	size, root, err := j.Anchors.Newest(ctx)
	if err != nil {
		return 0, err
	}
	t.size = size
	var last *stored.Head
	take := func(h stored.Head) error {
		if last != nil && last.Index == h.Index {
			j.twice(last, &h)
			return nil
		}
		j.gap(t.next, h.Index)
		t.next, n = h.Index+1, n+1
		last = &h
		j.logs[logOf(&h)] = true
		if t.whole {
			t.log.Append(merkle.LeafHash(h.Entry), nil)
			if t.log.Size() == size && Text(t.log.Root()) == root {
				t.proven = size
			}
		}
		return nil
	}
	if err := j.Store.HeadsOf(ctx, j.Heads, take); err != nil {
		return n, err
	}
	for _, h := range j.Queued {
		if h.Index < t.next {
			continue // the store has it already
		}
		if err := take(h); err != nil {
			return n, err
		}
	}
	j.gap(t.next, size)
	if t.whole && t.proven < size {
		return n, j.differs(ctx)
	}
	return n, nil
}

// gap names heads [from, to) that the store does not have.
func (j *Job) gap(from, to uint64) {
	if j.Partial || from >= to {
		return
	}
	j.tree.whole = false
	j.Say(Finding{What: Head, Head: number(from), To: to, Mend: Mend{Head: true}, Detail: "missing from the store"})
}

func (j *Job) twice(a, b *stored.Head) {
	wrong := headPlace(b)
	j.Say(Finding{What: Anchor, Log: b.Log, Head: number(b.Index), Mend: Mend{Head: true, Wrong: &wrong}, Detail: fmt.Sprintf("it is in the store twice, also of log %.12s", a.Log)})
}

func headPlace(h *stored.Head) stored.Place {
	return stored.Place{Measurement: stored.HeadPoint, Tags: map[string]string{"heads": h.Heads, "log": h.Log}, NS: stored.PointNS(h.TimeMS, h.Index)}
}

// logOf goes by the entry: that is what was anchored.
func logOf(h *stored.Head) string {
	if leaf, err := anchor.DecodeHeadLeaf(h.Entry); err == nil {
		return Text(leaf.Log)
	}
	return h.Log
}

func entryOf(entry []byte) string {
	leaf, err := telemetry.DecodeLeaf(entry)
	if err != nil {
		return ""
	}
	return leaf.Ingest
}

// differs names the first anchor whose root the heads do not have. Each head then has to prove itself.
func (j *Job) differs(ctx context.Context) error {
	var t merkle.Log
	var sound, wanted uint64
	done := false
	err := j.Store.HeadsOf(ctx, j.Heads, func(h stored.Head) error {
		if done || h.Index != t.Size() {
			return nil
		}
		t.Append(merkle.LeafHash(h.Entry), nil)
		wanted = max(wanted, h.HeadsSize)
		if t.Size() != wanted {
			return nil
		}
		root, err := j.Anchors.Root(ctx, wanted)
		if err != nil || root == "" {
			return err
		}
		if root == Text(t.Root()) {
			sound = wanted
			return nil
		}
		done = true
		j.Say(Finding{What: Anchor, Head: number(sound), To: wanted, Mend: Mend{Head: true}, Detail: fmt.Sprintf("these heads give root %s, the anchor of size %d has %s", Text(t.Root()), wanted, root)})
		return nil
	})
	if j.tree.proven = sound; err == nil && !done {
		j.Say(Finding{What: Anchor, Head: number(sound), To: t.Size(), Mend: Mend{Head: true}, Detail: "the heads do not have the root of the newest anchor"})
	}
	return err
}

// proven says what a head states of its log, when it is known to stand in the heads log as it was anchored. What is wrong with it is said.
func (j *Job) proven(ctx context.Context, of Log, h *stored.Head) (leaf anchor.HeadLeaf, ok bool, err error) {
	say := func(mend Mend, format string, args ...any) {
		j.Say(Finding{What: Anchor, Log: of.ID, Subject: of.subject(), Head: number(h.Index), Mend: mend, Detail: fmt.Sprintf(format, args...)})
	}
	leaf, faults, placed, decodes := CheckHead(h)
	mend := Mend{Head: true}
	if decodes && Text(leaf.Log) != of.ID {
		wrong := headPlace(h)
		mend.Wrong = &wrong
	}
	for _, f := range faults {
		say(mend, "%s", f)
	}
	byRoot := h.Index < j.tree.proven
	if !decodes || Text(leaf.Log) != of.ID {
		return leaf, false, nil
	}
	root, err := "", error(nil)
	if placed || byRoot {
		root, err = j.Anchors.Root(ctx, h.HeadsSize)
	}
	switch {
	case err != nil:
		return leaf, false, err
	case root == h.HeadsRoot && placed:
		return leaf, true, nil
	case root == "" && j.All:
		say(mend, "the ledger has no anchor of size %d of this heads log", h.HeadsSize)
	case root != "" && root != h.HeadsRoot:
		say(mend, "it names root %s of size %d, the anchor has %s", h.HeadsRoot, h.HeadsSize, root)
	}
	return leaf, byRoot, nil
}
