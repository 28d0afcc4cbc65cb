package monitor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// checkClaims refuses a list that no honest API makes; what it says of each heads log is checked later.
func (m *Monitor) checkClaims(v *view) error {
	if len(v.claims) > maxLogs {
		return fmt.Errorf("lists %d heads logs, more than %d", len(v.claims), maxLogs)
	}
	seen := map[string]bool{}
	for _, c := range v.claims {
		id := anchor.HeadsID(m.cfg.Policy.Channel, c.Ingest)
		switch {
		case !telemetry.ValidID(c.Ingest) || c.Heads != hex.EncodeToString(id[:]):
			return fmt.Errorf("lists heads log %.16s as that of %q", clean(c.Heads), clean(c.Ingest))
		case seen[c.Heads]:
			return fmt.Errorf("lists the heads log of %s twice", c.Ingest)
		}
		seen[c.Heads] = true
	}
	return nil
}

func (s *seen) is(c Claim) bool { return s.Size == c.Size && s.Root == c.Root && s.Tx == c.Tx }

// follow proves the way from the last accepted anchor to the one that an API claims. A claim about an anchor that was
// accepted before is compared with it; where they differ the API must prove its own. The error is one of writing.
func (m *Monitor) follow(ctx context.Context, r *round, api API, c Claim) error {
	log := m.state.Logs[c.Heads]
	var from uint64
	switch {
	case log == nil && m.cfg.All:
	case log == nil:
		from = c.N - min(c.N, startBack)
	case c.N > log.newest().N:
		from = log.newest().N
	default:
		known := log.at(c.N)
		if known == nil || known.is(c) {
			return nil
		}
		from = c.N
		r.contested[api.Name()+" "+c.Heads] = true
	}
	for {
		next, err := m.step(ctx, r, api, c, from)
		if err != nil || !next {
			return err
		}
		log = m.state.Logs[c.Heads]
		if known := log.at(c.N); known != nil {
			if !known.is(c) {
				m.reject(r, api, c, "claims anchor %d with size %d and root %.16s, and proves size %d and root %.16s", c.N, c.Size, clean(c.Root), known.Size, known.Root)
			}
			return nil
		}
		if log.newest().N <= from {
			m.reject(r, api, c, "claims anchor %d, and proves none after %d", c.N, from)
			return nil
		}
		from = log.newest().N
		if r.steps++; r.steps%saveEvery == 0 {
			if err := m.save(); err != nil {
				return err
			}
		}
	}
}

// step asks an API for the anchors from a number on and accepts them if they are proven and extend what was accepted; next
// is false when there is no point in going on.
func (m *Monitor) step(ctx context.Context, r *round, api API, c Claim, from uint64) (next bool, err error) {
	raw, p, err := m.prove(ctx, api, c.Heads, from)
	switch {
	case ctx.Err() != nil:
		return false, nil
	case raw == nil:
		m.unproven(r, api, c, "%v", err)
		return false, nil
	case err != nil:
		m.reject(r, api, c, "anchor %d: %v", from, err)
		return false, nil
	}
	log := m.state.Logs[c.Heads]
	if p.Broken && p.Final && p.Heads == c.Heads {
		last := p.Anchors[len(p.Anchors)-1]
		return false, m.fork(ctx, r, api, last, raw)
	}
	if !p.Report.Passed {
		if f := p.Fault(); f != nil {
			m.reject(r, api, c, "anchor %d: %s", c.N, f)
		} else {
			m.unproven(r, api, c, "anchor %d: %v", c.N, p.Report.Findings)
		}
		return false, nil
	}
	if p.Heads != c.Heads || p.Anchors[0].N != from {
		m.reject(r, api, c, "asked for anchor %d, it proves anchor %d of the heads log of %s", from, p.Anchors[0].N, p.Anchors[0].Ingest)
		return false, nil
	}
	if log == nil {
		log = &heads{Ingest: c.Ingest}
	}
	// The bundle begins with an anchor that was accepted before, and each further one extends the one before it.
	for _, a := range p.Anchors {
		if known := log.at(a.N); known != nil && !known.same(&a) {
			return false, m.fork(ctx, r, api, a, raw)
		}
	}
	last := p.Anchors[len(p.Anchors)-1]
	if len(log.Anchors) > 0 && last.N <= log.newest().N {
		return true, nil // nothing new; the caller compares
	}
	for _, a := range p.Anchors {
		if len(log.Anchors) == 0 || a.N > log.newest().N {
			log.Anchors = append(log.Anchors, seenOf(&a, r.now.UnixMilli()))
		}
	}
	log.Anchors = log.Anchors[max(0, len(log.Anchors)-maxKept):]
	log.Evidence, log.EvidenceFrom = raw, from
	m.state.Logs[c.Heads], r.advanced[c.Heads] = log, true
	n := last.N
	m.cfg.Report(Event{Time: r.now, Kind: Anchor, API: api.Name(), Ingest: last.Ingest, Heads: c.Heads, N: &n, Size: last.Size, Root: last.Root, Block: last.At.Block,
		Detail: fmt.Sprintf("proven from anchor %d on, held as valid by %d organisations", from, confirmed(p))})
	return true, nil
}

func confirmed(p *evidence.HeadsProof) int {
	list := p.Report.Facts.Anchors
	return len(list[len(list)-1].ConfirmedBy)
}

func (s *seen) same(a *evidence.ProvenAnchor) bool {
	return *s == seenOf(a, s.AcceptedMS)
}

func seenOf(a *evidence.ProvenAnchor, ms int64) seen {
	return seen{N: a.N, Size: a.Size, Root: a.Root, Tx: a.Tx, At: a.At, Header: hex.EncodeToString(a.Header[:]), AcceptedMS: ms}
}

// prove asks for evidence with a fresh nonce, which every peer must have signed, and verifies it. Without bytes there was
// no answer.
func (m *Monitor) prove(ctx context.Context, api API, id string, from uint64) ([]byte, *evidence.HeadsProof, error) {
	nonce := make([]byte, nonceSize)
	if _, err := io.ReadFull(m.cfg.Rand, nonce); err != nil {
		return nil, nil, err
	}
	raw, err := api.Evidence(ctx, id, from, nonce)
	if err != nil {
		return nil, nil, err
	}
	p, err := evidence.VerifyHeadsLog(bytes.NewReader(raw), m.cfg.Policy, evidence.Options{Nonce: nonce})
	return raw, p, err
}

func (m *Monitor) reject(r *round, api API, c Claim, format string, args ...any) {
	r.add(Event{Kind: Rejected, API: api.Name(), Ingest: c.Ingest, Heads: c.Heads, Detail: fmt.Sprintf(format, args...)})
}

func (m *Monitor) unproven(r *round, api API, c Claim, format string, args ...any) {
	r.add(Event{Kind: Unproven, API: api.Name(), Ingest: c.Ingest, Heads: c.Heads, Detail: fmt.Sprintf(format, args...)})
}

// fork writes the two stories to a file. a is the anchor that contradicts the state, in the bundle raw.
func (m *Monitor) fork(ctx context.Context, r *round, api API, a evidence.ProvenAnchor, raw []byte) error {
	r.contested[api.Name()+" "+a.Heads] = true
	key := fmt.Sprintf("%s %d %s %x", a.Heads, a.N, a.Tx, a.Header)
	if slices.ContainsFunc(m.state.Forks, func(f fork) bool { return f.Key == key }) {
		return nil
	}
	other := m.otherSide(ctx, api, a)
	if other == nil {
		other = raw // a broken step in the first bundle ever seen contradicts itself
	}
	var file bytes.Buffer
	if err := evidence.WriteFork(&file, other, raw); err != nil {
		return err
	}
	report, err := evidence.VerifyFork(bytes.NewReader(file.Bytes()), m.cfg.Policy)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(file.Bytes())
	path := filepath.Join(m.cfg.EvidenceDir, fmt.Sprintf("fork-%s-%d-%x.tsf", a.Ingest, a.N, sum[:8]))
	if err := replace(path, file.Bytes()); err != nil {
		m.lied = true
		return fmt.Errorf("a fork at anchor %d of %s (%s) cannot be written down: %w", a.N, a.Ingest, report.Contradiction, err)
	}
	f := fork{Key: key, Heads: a.Heads, Ingest: a.Ingest, N: a.N, API: api.Name(), Contradiction: report.Contradiction, Proven: report.Proven, File: path, FoundMS: r.now.UnixMilli()}
	m.state.Forks = append(m.state.Forks, f)
	detail := f.Contradiction
	if !f.Proven {
		detail = fmt.Sprintf("differs from what was accepted before, of which no API gives evidence any more (%s)", detail)
	}
	m.cfg.Report(Event{Time: r.now, Kind: Fork, API: f.API, Ingest: f.Ingest, Heads: f.Heads, N: &a.N, Size: a.Size, Root: a.Root, Block: a.At.Block, Detail: detail, File: path})
	return nil
}

// otherSide is evidence of the accepted anchor that a contradicts: the one kept, or a fresh one of another API.
func (m *Monitor) otherSide(ctx context.Context, api API, a evidence.ProvenAnchor) []byte {
	log := m.state.Logs[a.Heads]
	if log == nil {
		return nil
	}
	known := log.at(a.N)
	if known == nil || a.N >= log.EvidenceFrom {
		return log.Evidence
	}
	for _, other := range m.cfg.APIs {
		if other == api {
			continue
		}
		raw, p, err := m.prove(ctx, other, a.Heads, a.N)
		if err == nil && p.Report.Passed && p.Anchors[0].N == a.N && known.same(&p.Anchors[0]) {
			return raw
		}
	}
	return log.Evidence
}
