package judging

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/judge"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
)

// Confirmed is how many parties' own nodes say what was recomputed here.
type Confirmed struct {
	By int `json:"by" doc:"Parties whose newest opinion has the same result and is right, by what this node has: from the same logs or from an earlier state of them"`
	Of int `json:"of" doc:"Parties of the shipment"`
}

// Standings of an opinion.
const (
	Confirms     = "confirms"
	Earlier      = "earlier"
	Differs      = "differs"
	OtherHistory = "other_history"
	Ahead        = "ahead"
	None         = "none"
)

// JudgedOpinion is a party's newest verdict, compared with what this node says of the same leaves.
type JudgedOpinion struct {
	By         string                  `json:"by" doc:"The party"`
	Standing   string                  `json:"standing" enum:"confirms,earlier,differs,other_history,ahead,none" doc:"confirms: the same result, and right · earlier: right when it was recorded, and the result is another one since · differs: another result than this node finds from the same leaves · other_history: from a log that has another past here · ahead: from leaves that this node does not have · none: it has no opinion"`
	Revision   int                     `json:"revision" doc:"Of its own verdicts; 0 = none"`
	Result     string                  `json:"result" doc:"Empty without an opinion"`
	To         rest.Null[rest.Instant] `json:"to" doc:"Judged up to this event time"`
	Logs       []ledger.LogHead        `json:"logs" doc:"From which logs, as far as they were judged"`
	Older      bool                    `json:"older" doc:"From fewer leaves than this node has readings of"`
	DifferFrom rest.Null[rest.Instant] `json:"differ_from" doc:"Event time of the first finding that only one of the two has, also where the results are the same; null when there is none, or its detail does not tell"`
	Reason     string                  `json:"reason" doc:"In words, where findings differ or cannot be compared; else empty"`
}

// checks keeps what was found of opinions: what was judged from the same leaves stays so.
type checks struct {
	one   sync.Mutex // a check holds all readings of a trip: one at a time, and who waited finds what the one before has found
	mu    sync.Mutex
	known map[string]judge.Checked
}

const maxChecks = 10_000

func (c *checks) get(key string) (judge.Checked, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.known[key]
	return found, ok
}

func (c *checks) put(key string, found judge.Checked) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxChecks {
		c.known = map[string]judge.Checked{}
	}
	c.known[key] = found
}

// opinions compares each party's newest verdict with what this node says of the same leaves.
func (s *Judge) opinions(ctx context.Context, r ledger.Shipment, j *Judged, revisions []ledger.Verdict) (Confirmed, []JudgedOpinion, error) {
	parties := r.Parties.MSPs()
	newest := map[string]ledger.Verdict{}
	for _, v := range revisions {
		if v.Revision > newest[v.By].Revision {
			newest[v.By] = v
		}
	}
	found, err := s.checked(ctx, r, j, newest)
	if err != nil {
		return Confirmed{}, nil, err
	}
	out := Confirmed{Of: len(parties)}
	all := []JudgedOpinion{}
	for _, msp := range parties {
		o := JudgedOpinion{By: s.Members.Name(msp), Standing: None, Logs: []ledger.LogHead{}}
		if v, ok := newest[msp]; ok {
			o = standing(o, &v, found[msp], j)
		}
		if o.Standing == Confirms {
			out.By++
		}
		all = append(all, o)
	}
	return out, all, nil
}

// checked compares the parties' verdicts, those that were not before.
func (s *Judge) checked(ctx context.Context, r ledger.Shipment, j *Judged, newest map[string]ledger.Verdict) (map[string]judge.Checked, error) {
	found := map[string]judge.Checked{}
	key := func(v *ledger.Verdict) string { return fmt.Sprint(r.ID, "\x00", v.By, "\x00", v.Revision) }
	unknown := func() (ask []ledger.Verdict) {
		for _, msp := range r.Parties.MSPs() {
			v, ok := newest[msp]
			if !ok {
				continue
			}
			if c, ok := s.checks.get(key(&v)); ok {
				found[msp] = c
			} else {
				ask = append(ask, v)
			}
		}
		return ask
	}
	if len(unknown()) == 0 {
		return found, nil
	}
	s.checks.one.Lock()
	defer s.checks.one.Unlock()
	ask := unknown()
	if err := ctx.Err(); err != nil || len(ask) == 0 {
		return found, err
	}
	answers, err := judge.Check(ctx, ownLogs{s.Telemetry, j.Refs}, &r, j.Handovers, &j.Rules.RuleSet, ask)
	if err != nil {
		return nil, err
	}
	for i, a := range answers {
		a.Result = compliance.Result{} // it may be large
		found[ask[i].By] = a
		if a.Err == nil { // else the copy may come, or be mended
			s.checks.put(key(&ask[i]), a)
		}
	}
	return found, nil
}

// ownLogs reads the logs of a shipment alone: what an opinion names beside them is none of its.
type ownLogs struct {
	judge.Leaves
	refs []records.LogRef
}

func (o ownLogs) Messages(ctx context.Context, log string, from, to uint64, fn func(stored.Message) error) error {
	if !slices.ContainsFunc(o.refs, func(r records.LogRef) bool { return r.ID == log }) {
		return nil
	}
	return o.Leaves.Messages(ctx, log, from, to, fn)
}

func standing(o JudgedOpinion, v *ledger.Verdict, c judge.Checked, j *Judged) JudgedOpinion {
	o.Revision, o.Result, o.To, o.Logs = v.Revision, v.Result, rest.InstantOrNull(v.ToMS), rest.OrEmpty(v.Logs)
	for log, size := range j.sizes {
		i := slices.IndexFunc(v.Logs, func(h ledger.LogHead) bool { return h.Log == log })
		o.Older = o.Older || i < 0 || v.Logs[i].Size < size
	}
	switch {
	case errors.Is(c.Err, judge.ErrOtherHistory):
		o.Standing, o.Reason = OtherHistory, c.Err.Error()
	case c.Err != nil:
		o.Standing, o.Reason = Ahead, c.Err.Error()
	case !c.Right:
		o.Standing = Differs
	case v.Result == j.Result.Verdict:
		o.Standing = Confirms
	default:
		o.Standing = Earlier
	}
	if c.Err == nil && (!c.Right || c.Parting != judge.Parting{}) {
		o.DifferFrom, o.Reason = rest.InstantOrNull(c.Parting.FromMS), partingWords(c.Parting)
	}
	return o
}

func partingWords(p judge.Parting) string {
	switch {
	case p.FromMS != 0:
		return fmt.Sprintf("rule %s finds otherwise from %s on", p.Rule, time.UnixMilli(p.FromMS).UTC().Format("2006-01-02T15:04:05.000Z"))
	case p.Rule != "":
		return fmt.Sprintf("rule %s is %s there and %s here", p.Rule, p.Theirs, p.Ours)
	}
	return "its detail does not tell where it parts from what is found here"
}
