package chaos

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/trackseal/trackseal/internal/account"
	"github.com/trackseal/trackseal/internal/client"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// View is one place that ought to hold every message once: each is compared with the oracle on its own.
type View struct {
	Name  string
	Shown iter.Seq2[client.Message, error]
}

// views of what was sent to some shipments. The REST API's own view is compared by tracker-sim.
func (s *Stack) views(ctx context.Context, shipments []string) []View {
	each := func(one func(shipment string, yield func(client.Message, error) bool) bool) iter.Seq2[client.Message, error] {
		return func(yield func(client.Message, error) bool) {
			for _, id := range shipments {
				if !one(id, yield) {
					return
				}
			}
		}
	}
	return []View{
		{"InfluxDB", each(func(id string, yield func(client.Message, error) bool) bool { return s.points(ctx, id, yield) })},
		{"logs", each(func(id string, yield func(client.Message, error) bool) bool { return s.leaves(ctx, id, yield) })},
		{"copies", each(func(id string, yield func(client.Message, error) bool) bool {
			for m, err := range s.copies.Messages(ctx, id) {
				if !yield(m, err) {
					return false
				}
			}
			return true
		})},
	}
}

// points reads the message points of a shipment past all of our own code that reads them. A message is what its stored bytes say.
func (s *Stack) points(ctx context.Context, shipment string, yield func(client.Message, error) bool) bool {
	rows, err := s.ask(ctx, fmt.Sprintf(`SELECT leaf, entry, raw FROM message WHERE shipment = %s GROUP BY "log"`, quote(shipment)))
	if err != nil {
		return yield(client.Message{}, err)
	}
	heads := map[string]uint64{}
	for _, row := range rows {
		log, _ := row["log"].(string)
		size, known := heads[log]
		if !known {
			if size, err = s.headOf(ctx, log); err != nil {
				return yield(client.Message{}, err)
			}
			heads[log] = size
		}
		if !yield(point(row, log, size), nil) {
			return false
		}
	}
	return true
}

// point is a message that nobody sent when its bytes are none, or when the leaf beside them is of others.
func point(row map[string]any, log string, head uint64) client.Message {
	m := client.Message{Log: log, Leaf: int64(whole(row["leaf"])), Status: "logged"}
	if uint64(m.Leaf) < head {
		m.Status = "anchored"
	}
	decoded, err := telemetry.Decode(stored(row, "raw"))
	if err != nil {
		m.Hash = "bytes: " + err.Error()
		return m
	}
	says(&m, decoded)
	if entry, err := telemetry.DecodeLeaf(stored(row, "entry")); err != nil || entry.Hash != decoded.COSEHash {
		m.Hash += " beside another leaf"
	}
	return m
}

// stored are the bytes of a field; none when it does not hold any.
func stored(row map[string]any, field string) []byte {
	text, _ := row[field].(string)
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	return raw
}

func says(m *client.Message, of *telemetry.Message) {
	m.Tracker, m.Boot, m.Seq, m.Hash = of.Tracker, int64(of.Boot), int64(of.Seq), hex.EncodeToString(of.COSEHash[:])
}

// leaves reads the leaves of a shipment's logs out of its evidence, which the offline verifier has to find authentic and anchored
// on the ledger.
func (s *Stack) leaves(ctx context.Context, shipment string, yield func(client.Message, error) bool) bool {
	raw, err := s.evidence(ctx, shipment)
	if err != nil {
		return yield(client.Message{}, err)
	}
	in, err := evidence.NewReader(bytes.NewReader(raw))
	for err == nil {
		var log int
		var index uint64
		var leaf evidence.Leaf
		if log, index, leaf, err = in.Next(); err != nil {
			break
		}
		m := client.Message{Log: fmt.Sprintf("%s, log %d", shipment, log), Leaf: int64(index), Status: "anchored"}
		decoded, derr := telemetry.DecodeCOSE(leaf.COSE)
		if derr == nil {
			says(&m, decoded)
		}
		if !yield(m, derr) {
			return false
		}
	}
	if !errors.Is(err, io.EOF) {
		return yield(client.Message{}, err)
	}
	return true
}

// evidence collects a shipment's and has it verified.
func (s *Stack) evidence(ctx context.Context, shipment string) ([]byte, error) {
	raw, err := s.owner.GetEvidence(ctx, shipment, client.GetEvidenceParams{})
	if err != nil {
		return nil, err
	}
	report, err := evidence.Verify(bytes.NewReader(raw), s.policy, evidence.Options{})
	if err != nil {
		return nil, err
	}
	v := report.Verdicts
	if v.Authentic != evidence.Pass || v.Anchored != evidence.Pass || v.Final != evidence.Pass || v.Complete == evidence.Fail {
		return nil, fmt.Errorf("evidence of %s is %+v: %+v", shipment, v, report.Findings)
	}
	return raw, nil
}

// compare waits until a view holds all that was acknowledged, and anchored, or the bound is over.
func (v View) compare(ctx context.Context, book *account.Book, bound time.Duration) (account.Report, error) {
	return book.Settle(ctx, bound, false, v.Shown, func(r account.Report) bool { return r.OK() && r.Anchored == r.Stored })
}
