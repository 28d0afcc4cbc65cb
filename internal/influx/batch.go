package influx

import (
	"context"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/trackseal/trackseal/internal/stored"
)

// batch collects points as line protocol, without a map or an object per point.
type batch struct {
	client *Client
	buf    []byte
	points int
}

// NewBatch is empty.
func (c *Client) NewBatch() stored.Batch { return &batch{client: c} }

// Write stores all points.
func (b *batch) Write(ctx context.Context) error {
	if b.points == 0 {
		return nil
	}
	wctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err := writeError(b.client.write.WriteRecord(wctx, string(b.buf)))
	if err != nil && ctx.Err() != nil {
		return errors.Join(stored.ErrUnavailable, ctx.Err())
	}
	return err
}

func (b *batch) Reset()      { b.buf, b.points = b.buf[:0], 0 }
func (b *batch) Points() int { return b.points }
func (b *batch) Bytes() int  { return len(b.buf) }

// eraLeaves is how many leaves share a value of the tag `era`.
const eraLeaves = 1_000_000

// Message appends a `message` point. The identifiers in m have been checked (telemetry.ValidID, hex): they need no escape. What
// a log's messages have in common are tags, and what nearly every message says is not written: each field costs InfluxDB
// about a microsecond. The time of receipt is the point's own time.
func (b *batch) Message(m *stored.Message) { b.message(m, false) }

// Overwrite appends a `message` point that says also what usually goes without saying, so that nothing of a point in its place stays.
func (b *batch) Overwrite(m *stored.Message) { b.message(m, true) }

func (b *batch) message(m *stored.Message, all bool) {
	b.buf = append(b.buf, "message"...)
	b.era(m.Leaf)
	b.tag("log", m.Log)
	if m.Shipment != "" {
		b.tag("shipment", m.Shipment)
	}
	b.tag("tracker", m.Tracker)
	b.tag("trust", m.Trust)
	b.buf = append(b.buf, ' ')
	if m.Trust == stored.Signed {
		b.int("boot=", int64(m.Boot))
		if m.Kind != 0 || all {
			b.int(",kind=", int64(m.Kind))
		}
		b.int(",seq=", int64(m.Seq))
		b.buf = append(b.buf, ',')
	}
	b.base64("entry=", m.Entry)
	if len(m.Flags) > 0 || all {
		b.string(",flags=", strings.Join(m.Flags, ","))
	}
	b.int(",leaf=", int64(m.Leaf))
	b.base64(",raw=", m.Raw)
	if m.Readings != 1 || all {
		b.int(",readings=", int64(m.Readings))
	}
	b.int(",time_ms=", m.TimeMS)
	b.end(stored.PointNS(m.ReceivedMS, m.Leaf))
}

// Reading appends a `reading` point of the tracker's message at a leaf.
func (b *batch) Reading(log, tracker string, leaf uint64, timeMS int64, n int, value func(i int) (string, float64)) {
	b.buf = append(b.buf, "reading"...)
	b.era(leaf)
	b.tag("log", log)
	b.tag("tracker", tracker)
	b.int(" leaf=", int64(leaf))
	for i := range n {
		name, v := value(i)
		b.buf = append(b.buf, ',')
		b.buf = appendKey(b.buf, name)
		b.float("=", v)
	}
	b.end(stored.PointNS(timeMS, leaf))
}

// Head appends a `head` point.
func (b *batch) Head(h *stored.Head) {
	b.buf = append(b.buf, "head"...)
	b.tag("heads", h.Heads)
	b.tag("log", h.Log)
	b.int(" block=", int64(h.Block))
	b.buf = append(b.buf, ",closed="...)
	b.buf = strconv.AppendBool(b.buf, h.Closed)
	b.base64(",entry=", h.Entry)
	b.string(",heads_root=", h.HeadsRoot)
	b.int(",heads_size=", int64(h.HeadsSize))
	b.int(",index=", int64(h.Index))
	b.int(",prev=", h.Prev)
	proof := make([]byte, 0, 32*len(h.Proof))
	for _, p := range h.Proof {
		proof = append(proof, p[:]...)
	}
	b.base64(",proof=", proof)
	b.string(",root=", h.Root)
	b.int(",size=", int64(h.Size))
	b.string(",tx=", h.Tx)
	b.end(stored.PointNS(h.TimeMS, h.Index))
}

func (b *batch) era(leaf uint64) {
	b.buf = append(b.buf, ",era="...)
	b.buf = strconv.AppendUint(b.buf, leaf/eraLeaves, 10)
}

func (b *batch) tag(k, v string) {
	b.buf = append(b.buf, ',')
	b.buf = appendKey(b.buf, k)
	b.buf = append(b.buf, '=')
	b.buf = appendKey(b.buf, v)
}

// int appends a field, as those below do; name is all that stands before its value.
func (b *batch) int(name string, v int64) {
	b.buf = append(b.buf, name...)
	b.buf = append(strconv.AppendInt(b.buf, v, 10), 'i')
}

func (b *batch) float(name string, v float64) {
	b.buf = append(b.buf, name...)
	b.buf = strconv.AppendFloat(b.buf, v, 'f', -1, 64)
}

func (b *batch) base64(name string, data []byte) {
	b.buf = append(b.buf, name...)
	b.buf = base64.StdEncoding.AppendEncode(append(b.buf, '"'), data)
	b.buf = append(b.buf, '"')
}

// string quotes. Line ends may stand inside quotes; other control characters become spaces and invalid UTF-8 becomes U+FFFD,
// since InfluxDB answers queries as UTF-8 text.
func (b *batch) string(name, s string) {
	b.buf = append(b.buf, name...)
	b.buf = append(b.buf, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.buf = append(b.buf, '\\', byte(r))
		case r == '\n':
			b.buf = append(b.buf, '\n')
		case r < ' ' || r == 0x7f:
			b.buf = append(b.buf, ' ')
		default:
			b.buf = utf8.AppendRune(b.buf, r)
		}
	}
	b.buf = append(b.buf, '"')
}

func (b *batch) end(ns int64) {
	b.buf = append(b.buf, ' ')
	b.buf = strconv.AppendInt(b.buf, ns, 10)
	b.buf = append(b.buf, '\n')
	b.points++
}

func appendKey(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ',', '=', ' ':
			dst = append(dst, '\\')
		}
		dst = append(dst, s[i])
	}
	return dst
}

// clip cuts s at n bytes, between two characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
