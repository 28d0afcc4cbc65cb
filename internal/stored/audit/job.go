package audit

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/stored"
)

// Whole is a store that can be looked at as a whole.
type Whole interface {
	Store
	HeadsOf(ctx context.Context, heads string, fn func(stored.Head) error) error
	Logs(ctx context.Context) ([]stored.LogTags, error)
}

// Anchors of one heads log that are trusted.
type Anchors interface {
	// Root of the anchor of a size, hex; "" = none that is known.
	Root(ctx context.Context, size uint64) (string, error)
	// Newest one; size 0 = there is none.
	Newest(ctx context.Context) (size uint64, root string, err error)
}

// Job audits all logs of one heads log.
type Job struct {
	Store  Whole
	Heads  string // id, hex
	Ingest string // whose it is
	// Earlier lives of the instance, whose logs may end in this heads log.
	Earlier []string
	Anchors Anchors
	// All: the anchors are all that there are. Else a head in another one is unproven, and no fault.
	All bool
	// Partial: the store is a copy of some logs. Each head then has to show its own place in an anchor.
	Partial bool
	// Live: the store is written to meanwhile.
	Live bool
	// Only, if set, picks logs; the heads log is looked at all the same.
	Only func(l *Log) bool
	// Whose, if set, knows whose log it is. Else what most of its messages say counts.
	Whose func(log string) (of Log, ok bool)
	// Known are logs that there are, also where the store has nothing of them. State, if set, is what is known of one beside its heads.
	Known []string
	State func(log string) (leaf anchor.HeadLeaf, ok bool)
	// Sizes, if set, are more sizes at which the root of a log is wanted.
	Sizes func(log string) []uint64
	// Queued are heads that are anchored and wait for the store, in their order.
	Queued []stored.Head
	// Tail, if set, is called behind the last leaf that is stored, and may Extend the walk by what waits for the store.
	Tail func(ctx context.Context, w *Walk) error
	// Done, if set, is called after each log with what its doubts came to.
	Done func(ctx context.Context, w *Walk, r Resolved) error
	Say  func(Finding)

	tree rebuilt
	logs map[string]bool // with a head
}

// Resolved says what is known of a log's damaged leaves, once its roots were compared.
type Resolved struct {
	Proven  uint64 // leaves that a proven head covers
	Root    string // of that head, hex
	Entries bool   // the entries that the bytes would have are right: Walk.Doubts has them
}

// Summary counts what was looked at.
type Summary struct {
	Heads    uint64 `json:"heads"`
	Logs     uint64 `json:"logs"`
	Messages uint64 `json:"messages"`
	Beyond   uint64 `json:"beyond"` // leaves beyond the newest anchor
}

// Run looks at everything once. Its error is that store or anchors could not be asked.
func (j *Job) Run(ctx context.Context) (s Summary, err error) {
	j.logs = map[string]bool{}
	if s.Heads, err = j.headsLog(ctx); err != nil {
		return s, err
	}
	tags, err := j.Store.Logs(ctx)
	if err != nil {
		return s, err
	}
	by := map[string][]stored.LogTags{}
	for _, t := range tags {
		by[t.Log] = append(by[t.Log], t)
	}
	for _, log := range slices.AppendSeq(slices.Clone(j.Known), maps.Keys(j.logs)) {
		by[log] = append(by[log], []stored.LogTags{}...)
	}
	for _, log := range slices.Sorted(maps.Keys(by)) {
		of := j.whose(log, by[log])
		if j.Only != nil && !j.Only(&of) {
			continue
		}
		ours, err := j.ours(ctx, log)
		if err != nil {
			return s, err
		}
		if !ours {
			continue
		}
		w, beyond, err := j.log(ctx, of)
		if err != nil {
			return s, err
		}
		s.Logs++
		s.Messages += w.Size
		s.Beyond += beyond
	}
	return s, nil
}

// ours reports whether a log is of this heads log: it has a head there, or entries of this instance.
func (j *Job) ours(ctx context.Context, log string) (bool, error) {
	if j.logs[log] {
		return true, nil
	}
	if j.Whose != nil {
		if _, ok := j.Whose(log); ok {
			return true, nil
		}
	}
	heads, err := j.Store.Heads(ctx, log)
	if err != nil || len(heads) > 0 {
		return false, err
	}
	ours := !j.Partial // a copy holds the logs of several instances
	err = j.Store.Messages(ctx, log, 0, 1, func(m stored.Message) error {
		ours = entryOf(m.Entry) == j.Ingest
		return nil
	})
	return ours, err
}

// whose goes by what most messages say.
func (j *Job) whose(log string, tags []stored.LogTags) Log {
	if j.Whose != nil {
		if of, ok := j.Whose(log); ok {
			of.ID, of.Ingest = log, j.Ingest
			return of
		}
	}
	of := Log{ID: log, Ingest: j.Ingest}
	shipments, trackers := map[string]uint64{}, map[string]uint64{}
	for _, t := range tags {
		shipments[t.Shipment] += t.Messages
		trackers[t.Tracker] += t.Messages
	}
	if of.Shipment = most(shipments); of.Shipment == "" {
		of.Tracker = most(trackers)
	}
	return of
}

func most(count map[string]uint64) (name string) {
	for _, n := range slices.Sorted(maps.Keys(count)) {
		if _, known := count[name]; !known || count[n] > count[name] {
			name = n
		}
	}
	return name
}

// log audits one log. beyond is how many leaves no proven head covers.
func (j *Job) log(ctx context.Context, of Log) (w *Walk, beyond uint64, err error) {
	heads, err := j.Store.Heads(ctx, of.ID)
	if err != nil {
		return nil, 0, err
	}
	for _, q := range j.Queued {
		if q.Log == of.ID {
			heads = append(heads, q)
		}
	}
	heads = slices.DeleteFunc(heads, func(h stored.Head) bool { return h.Heads != j.Heads })
	slices.SortStableFunc(heads, func(a, b stored.Head) int { return cmp.Compare(a.Index, b.Index) })
	w = &Walk{Store: j.Store, Log: of, Earlier: j.Earlier, Live: j.Live, Say: j.Say}
	var proven []anchor.HeadLeaf
	var unproven *stored.Head // the newest one that could be in an anchor that was given
	for i := range heads {
		leaf, ok, err := j.proven(ctx, of, &heads[i])
		if err != nil {
			return nil, 0, err
		}
		if !ok {
			if heads[i].HeadsSize <= j.tree.size {
				unproven = &heads[i]
			}
			continue
		}
		proven = append(proven, leaf)
		w.Sizes = append(w.Sizes, leaf.Size)
	}
	if j.State != nil {
		if leaf, ok := j.State(of.ID); ok {
			proven = append(proven, leaf)
			w.Sizes = append(w.Sizes, leaf.Size)
		}
	}
	if j.Sizes != nil {
		w.Sizes = append(w.Sizes, j.Sizes(of.ID)...)
	}
	slices.SortStableFunc(proven, func(a, b anchor.HeadLeaf) int { return cmp.Compare(a.Size, b.Size) })
	if j.Partial {
		j.chain(of, heads)
	}
	if err := w.Run(ctx); err != nil {
		return nil, 0, err
	}
	end := w.Next
	if j.Tail != nil {
		if err := j.Tail(ctx, w); err != nil {
			return nil, 0, err
		}
		end = w.Next
	}
	r := j.roots(w, proven)
	if !j.All && unproven != nil && unproven.Size > r.Proven {
		j.Say(Finding{What: Unproven, Log: of.ID, Subject: of.subject(), Leaf: number(r.Proven), To: unproven.Size,
			Detail: fmt.Sprintf("head %d is in the anchor of size %d, which none of the evidence given has", unproven.Index, unproven.HeadsSize)})
	}
	beyond = max(end, r.Proven) - r.Proven
	if j.Done != nil {
		err = j.Done(ctx, w, r)
	}
	return w, beyond, err
}

// roots compares the log with each proven head. The first one that differs says it all.
func (j *Job) roots(w *Walk, proven []anchor.HeadLeaf) (r Resolved) {
	said := false
	last := uint64(0)
	for i := range proven {
		h := &proven[i]
		if h.Size > w.Next {
			w.Missing(w.Next, h.Size)
		}
		if h.Size >= r.Proven {
			r.Proven, r.Root = h.Size, Text(h.Root)
		}
		got, known := w.Roots[h.Size]
		switch {
		case !known || said:
		case got == Text(h.Root):
			last = h.Size
		case w.Rebuilt[h.Size] == Text(h.Root):
			last, r.Entries = h.Size, true
		case len(w.Doubts) > 0 && w.Doubts[0].Leaf < h.Size:
			said = true // these leaves are findings already
		default:
			said = true
			w.Say(Finding{What: Root, Log: w.Log.ID, Subject: w.Log.subject(), Leaf: number(last), To: h.Size, Mend: Mend{Replace: true},
				Detail: fmt.Sprintf("the root at size %d is %s, the anchored head says %x: entry and message of one of these leaves were exchanged together", h.Size, got, h.Root)})
		}
	}
	return r
}

// chain names heads that others name as the one before, and that are not there.
func (j *Job) chain(of Log, heads []stored.Head) {
	last := int64(-1)
	for i := range heads {
		h := &heads[i]
		if leaf, err := anchor.DecodeHeadLeaf(h.Entry); err == nil && leaf.Prev != nil && int64(*leaf.Prev) > last {
			j.Say(Finding{What: Head, Log: of.ID, Subject: of.subject(), Head: number(*leaf.Prev), Mend: Mend{Head: true}, Detail: fmt.Sprintf("missing: head %d names it as the one before", h.Index)})
		}
		last = max(last, int64(h.Index))
	}
}
