package trackerchain

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// flight is a tracker's message on its way.
type flight struct {
	Link
	dropped bool // the tracker gave it up; it may have been delivered before
}

// flights draws a tracker's life: it boots, sends, and when its memory is full gives up its oldest messages and says so, with
// one gap message for each boot concerned. What a declaration said that it gives up as well, it declares again.
func flights(t *rapid.T) []*flight {
	var all []*flight
	boot, seq, oldest := uint64(1), uint64(0), 0
	var prev telemetry.Hash
	send := func(gap *telemetry.GapDetail) {
		f := &flight{Link: Link{Boot: boot, Seq: seq, Prev: prev, TimeMS: int64(len(all)), Gap: gap}}
		f.Hash = sha256.Sum256(fmt.Appendf(nil, "%d/%d", boot, seq))
		prev, seq = f.Hash, seq+1
		all = append(all, f)
	}
	send(nil)
	for range rapid.IntRange(1, 25).Draw(t, "steps") {
		switch rapid.IntRange(0, 5).Draw(t, "step") {
		case 0:
			boot, seq = boot+1, 0
			send(nil)
		case 1:
			to := rapid.IntRange(oldest, len(all)).Draw(t, "keep from")
			var gaps []*telemetry.GapDetail
			lose := func(boot, from, to uint64) { // in order of boots, and all of a boot up to `to` is lost
				if n := len(gaps); n > 0 && gaps[n-1].Boot == boot {
					gaps[n-1].FromSeq, gaps[n-1].ToSeq = min(gaps[n-1].FromSeq, from), max(gaps[n-1].ToSeq, to)
				} else {
					gaps = append(gaps, &telemetry.GapDetail{Boot: boot, FromSeq: from, ToSeq: to})
				}
			}
			for _, f := range all[oldest:to] { // first what lost declarations said: it is older
				if f.Gap != nil {
					lose(f.Gap.Boot, f.Gap.FromSeq, f.Gap.ToSeq)
				}
			}
			for _, f := range all[oldest:to] {
				f.dropped = true
				lose(f.Boot, f.Seq, f.Seq)
			}
			oldest = to
			for _, g := range gaps {
				send(g)
			}
		default:
			send(nil)
		}
	}
	return all
}

// TestProgressAcksWhatIsHeld: while messages arrive in the order in which they were sent, again and again if need be, an ack
// never covers one that the tracker still has and we do not. When all have arrived, in whatever order, it covers everything.
func TestProgressAcksWhatIsHeld(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := flights(t)
		var arriving []*flight
		for _, f := range all {
			if !f.dropped || rapid.Bool().Draw(t, "delivered before it was given up") {
				arriving = append(arriving, f)
			}
		}
		shuffled := rapid.Bool().Draw(t, "shuffled")
		if shuffled {
			arriving = rapid.Permutation(arriving).Draw(t, "order")
		} else if n := rapid.IntRange(0, len(arriving)).Draw(t, "connection lost after"); n > 0 {
			arriving = slices.Concat(arriving[:n], arriving[rapid.IntRange(0, n).Draw(t, "sent again from"):])
		}
		p, holds := &Progress{}, map[telemetry.Position]telemetry.Hash{}
		for _, f := range arriving {
			at := telemetry.Position{Boot: f.Boot, Seq: f.Seq}
			if _, again := holds[at]; again {
				continue
			}
			holds[at] = f.Hash
			if _, err := p.Place(&f.Link, func(boot, seq uint64) (telemetry.Hash, bool, error) {
				h, ok := holds[telemetry.Position{Boot: boot, Seq: seq}]
				return h, ok, nil
			}); err != nil {
				t.Fatal(err)
			}
			boot, seq, ok := p.Ack()
			ok = ok && !shuffled
			for _, f := range all {
				at := telemetry.Position{Boot: f.Boot, Seq: f.Seq}
				if _, held := holds[at]; ok && !held && !f.dropped && !(telemetry.Position{Boot: boot, Seq: seq}).Less(at) {
					t.Fatalf("ack %d/%d covers %d/%d, which is not held\n%+v", boot, seq, f.Boot, f.Seq, p)
				}
			}
		}
		last := all[len(all)-1]
		if boot, seq, ok := p.Ack(); !ok || boot != last.Boot || seq != last.Seq {
			t.Fatalf("all is here, up to %d/%d, and the ack says %d/%d\n%+v", last.Boot, last.Seq, boot, seq, p)
		}
		if len(p.gaps) > 0 || len(p.starts) > 0 {
			t.Fatalf("all is here, and it still waits: %+v", p)
		}
	})
}

func FuzzDecodeProgress(f *testing.F) {
	p := Progress{boot: 3, next: 9, maxBoot: 4, high: 2, bootMS: 5, gaps: []telemetry.GapDetail{{Boot: 4, ToSeq: 1}}, starts: []start{{4, telemetry.Hash{1}}}}
	f.Add(p.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := DecodeProgress(b)
		if err != nil {
			return
		}
		q, err := DecodeProgress(p.Append(nil))
		if err != nil || fmt.Sprint(*q) != fmt.Sprint(*p) {
			t.Fatalf("%+v became %+v (%v)", p, q, err)
		}
	})
}
