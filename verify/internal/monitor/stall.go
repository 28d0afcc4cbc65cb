package monitor

import (
	"encoding/hex"
	"fmt"
	"path/filepath"
	"time"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// compare finds APIs that show an older state than was accepted longer than Stall ago. Peers are a moment apart, so less is
// no finding. When no API that answers shows an anchor that was final, the ledger itself went back.
func (m *Monitor) compare(r *round) {
	for id, log := range m.state.Logs {
		var late []Event
		answered := 0
		for _, v := range r.views {
			if v.err != nil {
				continue
			}
			answered++
			shows := int64(-1)
			if c := v.claim(id); c != nil {
				shows = int64(min(c.N, 1<<62))
			}
			if r.contested[v.api.Name()+" "+id] || shows >= int64(log.newest().N) {
				continue
			}
			if age := r.now.Sub(time.UnixMilli(log.after(shows))); age > m.cfg.Stall {
				what := "shows no anchor"
				if shows >= 0 {
					what = fmt.Sprintf("shows anchor %d as the newest", shows)
				}
				n := log.newest().N
				late = append(late, Event{Kind: Lagging, API: v.api.Name(), Ingest: log.Ingest, Heads: id, N: &n,
					Detail: fmt.Sprintf("%s, %v after anchor %d was final", what, age.Truncate(time.Second), n)})
			}
		}
		if answered == 0 || len(late) < answered {
			for _, e := range late {
				r.add(e)
			}
			continue
		}
		newest := log.newest()
		e := Event{Kind: Rollback, Ingest: log.Ingest, Heads: id, N: &newest.N, Size: newest.Size, Root: newest.Root, Block: newest.At.Block,
			Detail: "was final, and no API shows it any more: " + late[0].Detail}
		e.File = filepath.Join(m.cfg.EvidenceDir, fmt.Sprintf("rollback-%s-%d.tsb", log.Ingest, newest.N))
		if _, told := m.active[e.key()]; !told {
			if err := replace(e.File, log.Evidence); err != nil {
				e.Detail, e.File = e.Detail+"; its evidence cannot be written: "+err.Error(), ""
			}
		}
		r.add(e)
	}
}

// stalls finds instances whose leaves wait though no anchor came for longer than Stall. An idle instance has no leaves and
// makes no anchors, and is no finding; an instance that hides its waiting leaves is found by AtLeast alone.
func (m *Monitor) stalls(r *round) {
	reported := map[string]uint64{}
	names := map[string]string{}
	for _, v := range r.views {
		for i, w := range v.waiting {
			if i == maxLogs {
				break
			}
			if !telemetry.ValidID(w.Ingest) {
				continue
			}
			sum := anchor.HeadsID(m.cfg.Policy.Channel, w.Ingest)
			id := hex.EncodeToString(sum[:])
			reported[id], names[id] = max(reported[id], w.Leaves), w.Ingest
		}
	}
	for id, leaves := range reported {
		key := waitingKey + id
		if leaves == 0 || r.advanced[id] {
			delete(m.state.Since, key)
		}
		if leaves == 0 {
			continue
		}
		if age := r.now.Sub(m.since(r, key)); age > m.cfg.Stall {
			e := Event{Kind: Stall, Ingest: names[id], Heads: id, Detail: fmt.Sprintf("%d leaves wait, and no anchor came for %v", leaves, age.Truncate(time.Second))}
			if log := m.state.Logs[id]; log != nil {
				e.N = &log.newest().N
			}
			r.add(e)
		}
	}
	if m.cfg.AtLeast == 0 {
		return
	}
	for id, log := range m.state.Logs {
		if age := r.now.Sub(time.UnixMilli(log.newest().AcceptedMS)); age > m.cfg.AtLeast {
			r.add(Event{Kind: Stall, Ingest: log.Ingest, Heads: id, N: &log.newest().N,
				Detail: fmt.Sprintf("no anchor for %v, one was expected every %v", age.Truncate(time.Second), m.cfg.AtLeast)})
		}
	}
}

// since is when a condition began: now, if it has just begun.
func (m *Monitor) since(r *round, key string) time.Time {
	ms, ok := m.state.Since[key]
	if !ok {
		ms = r.now.UnixMilli()
		m.state.Since[key] = ms
	}
	return time.UnixMilli(ms)
}

const waitingKey = "waiting "
