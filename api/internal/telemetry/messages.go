package telemetry

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Message as it stands in a log.
type Message struct {
	Log           string       `json:"log"`
	Leaf          uint64       `json:"leaf"`
	Tracker       string       `json:"tracker"`
	Trust         string       `json:"trust" enum:"signed,unsigned"`
	Kind          string       `json:"kind" doc:"data, boot, gap, sleep, rotate, clock, end; empty for unsigned messages"`
	Boot          uint64       `json:"boot"`
	Seq           uint64       `json:"seq"`
	Time          rest.Instant `json:"time" doc:"Signed time, or that of the first reading"`
	ReceivedAt    rest.Instant `json:"received_at"`
	Undated       bool         `json:"undated,omitempty" doc:"true: the time does not count, since the tracker's clock was wrong"`
	ClockOffsetMS int64        `json:"clock_offset_ms,omitempty" doc:"Of an undated message: its time less that of its receipt"`
	Flags         []string     `json:"flags"`
	Flaws         []Flaw       `json:"flaws,omitempty" doc:"Members that gave no value, the first 20; of a message with the flag flawed"`
	FlawCount     int          `json:"flaw_count,omitempty" doc:"How many flaws it has in all"`
	Readings      int          `json:"readings" doc:"How many"`
	Hash          string       `json:"hash" doc:"What the leaf carries, hex"`
	Status        string       `json:"status" enum:"logged,anchored" doc:"How far the message has come"`
	Raw           []byte       `json:"raw,omitempty" doc:"What the hash is of, base64: of a signed message the exact bytes published, of an unsigned one its envelope; with include=raw, as the next three"`
	Payload       []byte       `json:"payload,omitempty" doc:"Of an unsigned message: the exact bytes published, base64; of a gateway's message those about this tracker"`
	Topic         string       `json:"topic,omitempty" doc:"Of a message that a profile read: where its sender published it"`
	Profile       string       `json:"profile,omitempty" doc:"Of a message that a profile read: hash of the profile's document, hex"`
}

// Flaw is a member of a reading that gave no value.
type Flaw struct {
	Name   string `json:"name" doc:"As sent, its first 64 bytes; time for the reading's time, pack for all that was signed" example:"humidity"`
	Text   string `json:"text" doc:"The value as sent, its first 64 bytes" example:"104"`
	Reason string `json:"reason" doc:"docs/formats.md tells what each means" example:"out_of_range"`
}

const maxFlaws = 20 // of one message that are listed

var kinds = []string{"data", "boot", "gap", "sleep", "rotate", "clock", "end"}

func (s *Resource) messageRoutes(api *rest.API) {
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/shipments/{id}/messages", ID: "list-messages", Tag: "Telemetry", Scope: access.TelemetryRead,
		Summary: "List the messages in the order of the logs", Errors: []int{http.StatusBadRequest, http.StatusNotFound}}, s.messages)
}

type messagesInput struct {
	shapes.ShipmentPath
	// A page may be larger than of other lists: whoever accounts for messages walks all of them.
	Limit   int    `query:"limit" minimum:"1" maximum:"1000" default:"50" doc:"Items of a page"`
	Cursor  string `query:"cursor" maxLength:"2048" doc:"next of the page before"`
	Include string `query:"include" enum:"raw" doc:"raw adds the bytes"`
}

// leafPlace is the next leaf of a listing: which log, in the order of their ids, and where.
type leafPlace struct {
	Log  string `json:"l"`
	Leaf uint64 `json:"n"`
}

func (s *Resource) messages(ctx context.Context, in *messagesInput) (*rest.Answer[rest.List[Message]], error) {
	route := "messages/" + in.ID
	var at leafPlace
	if err := s.Cursors.Open(route, in.Cursor, &at); err != nil {
		return nil, err
	}
	r, err := s.Shipment(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	refs, err := s.Logs.Of(ctx, r)
	if err != nil {
		return nil, err
	}
	out := rest.List[Message]{Items: []Message{}}
	for _, ref := range refs {
		if ref.ID < at.Log {
			continue
		}
		from := uint64(0)
		if ref.ID == at.Log {
			from = at.Leaf
		}
		anchored, err := s.anchoredSize(ctx, ref.ID)
		if err != nil {
			return nil, err
		}
		take := func(m stored.Message) error {
			if len(out.Items) == in.Limit {
				out.Next = s.Cursors.Seal(route, leafPlace{ref.ID, m.Leaf})
				return errEnough
			}
			out.Items = append(out.Items, showMessage(m, anchored, in.Include == "raw"))
			from = m.Leaf + 1
			return nil
		}
		// A page's worth of leaves is all that is needed, unless some are missing or the log ends.
		err = s.Telemetry.Messages(ctx, ref.ID, from, from+uint64(in.Limit)+1, take)
		if err == nil {
			err = s.Telemetry.Messages(ctx, ref.ID, from, 0, take)
		}
		if errors.Is(err, errEnough) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return &rest.Answer[rest.List[Message]]{Body: out}, nil
}

// anchoredSize is how much of a log the newest head point covers; such a point is written after its transaction is valid.
func (s *Resource) anchoredSize(ctx context.Context, log string) (uint64, error) {
	heads, err := s.Telemetry.Heads(ctx, log)
	var size uint64
	for _, h := range heads {
		size = max(size, h.Size)
	}
	return size, err
}

func showMessage(m stored.Message, anchored uint64, raw bool) Message {
	v := Message{Log: m.Log, Leaf: m.Leaf, Tracker: m.Tracker, Trust: m.Trust, Boot: m.Boot, Seq: m.Seq, Time: rest.Instant(m.TimeMS), ReceivedAt: rest.Instant(m.ReceivedMS),
		Flags: rest.OrEmpty(m.Flags), Readings: m.Readings, Status: "logged"}
	if strings.EqualFold(m.Trust, stored.Signed) && m.Kind >= 0 && m.Kind < len(kinds) {
		v.Kind = kinds[m.Kind]
	}
	if leaf, err := telemetry.DecodeLeaf(m.Entry); err == nil { // a damaged entry is verification's business
		v.Hash = hex.EncodeToString(leaf.Hash[:])
	}
	if v.Undated = telemetry.Undated(m.TimeMS, m.ReceivedMS) != ""; v.Undated {
		v.ClockOffsetMS = m.TimeMS - m.ReceivedMS
	}
	if slices.Contains(m.Flags, string(telemetry.Flawed)) {
		v.Flaws, v.FlawCount = flawsOf(m)
	}
	if m.Leaf < anchored {
		v.Status = "anchored"
	}
	if raw {
		v.Raw = m.Raw
		v.envelope()
	}
	return v
}

// envelope takes an unsigned message's apart. Bytes that are none show nothing: verification names those.
func (v *Message) envelope() {
	e, err := telemetry.DecodeEnvelope(v.Raw)
	if err != nil || v.Trust == stored.Signed {
		return
	}
	if v.Payload, v.Topic = e.Payload, e.Topic; e.Profile != (telemetry.Hash{}) {
		v.Profile = hex.EncodeToString(e.Profile[:])
	}
}

// flawsOf a message: the first of them, and how many there are. Bytes that are no message have none: verification names those.
func flawsOf(m stored.Message) (first []Flaw, all int) {
	o, err := m.Open()
	if err != nil {
		return nil, 0
	}
	for _, r := range o.Readings {
		all += len(r.Flaws)
		for _, f := range r.Flaws[:min(len(r.Flaws), maxFlaws-len(first))] {
			first = append(first, Flaw{f.Name, f.Text, string(f.Reason)})
		}
	}
	return first, all
}
