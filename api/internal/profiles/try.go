package profiles

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/canon"
	"github.com/trackseal/trackseal/internal/codec"
	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/telemetry"
)

func (s *Resource) tryRoute(api *rest.API, document *huma.Schema) {
	rest.Add(api, rest.Operation{Method: http.MethodPost, Path: tryPath, ID: "try-profile", Tag: tag, Scope: access.TrackersRead, Own: true, Body: maxBody,
		Summary: "Read a message by a profile, and write nothing",
		About: "`profile` is id@version, or `document` a whole profile that nobody published. The message is `payload`: bytes in base64, or, when it is no text, JSON as it stands; or `text`. " +
			"`topic` is where a tracker would publish it. A gateway's message has a part for each of its devices. `ignored` are paths of what nothing was read from. " +
			"What ingest would refuse is in `refused`, of the message or of the part, with the reason that its sender would get.",
		Errors: []int{http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusTooManyRequests}}, s.try)
	api.DescribeBody(tryPath, "application/json", &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Properties: map[string]*huma.Schema{
		"profile":     {Type: huma.TypeString, Description: "id@version"},
		"document":    document,
		"topic":       {Type: huma.TypeString, Description: "The sender's topic; absent = a message that came without one"},
		"payload":     {Description: "The message: base64, or JSON as it stands unless that is a text"},
		"text":        {Type: huma.TypeString, Description: "The message as text, in place of payload"},
		"received_at": {Type: huma.TypeString, Format: "date-time", Description: "When it is received; absent = now"},
	}}, rest.Object{"profile": "thingsboard-device@1", "topic": "v1/devices/me/telemetry", "payload": rest.Object{"ts": 1767605400000, "values": rest.Object{"temperature": 4.5}}})
}

type tryInput struct {
	RawBody []byte `contentType:"application/json"`
}

// trial is what to read by what.
type trial struct {
	Profile    string          `json:"profile"`
	Document   json.RawMessage `json:"document"`
	Topic      string          `json:"topic"`
	Payload    json.RawMessage `json:"payload"`
	Text       *string         `json:"text"`
	ReceivedAt *rest.Instant   `json:"received_at"`
}

// Tried is what a profile read.
type Tried struct {
	Ref     string                  `json:"ref" doc:"Of the profile"`
	Hash    string                  `json:"hash" doc:"Of its document"`
	Parts   []TriedPart             `json:"parts" doc:"One for each device that the message speaks of"`
	Skipped bool                    `json:"skipped" doc:"true: the profile drops such a message without a word"`
	Refused rest.Null[TriedRefusal] `json:"refused" doc:"Why the whole message is refused"`
}

// TriedPart is what was read of one device.
type TriedPart struct {
	Device    string                  `json:"device" doc:"As the message names it; empty when it speaks of its sender alone"`
	Readings  []TriedReading          `json:"readings"`
	Seq       rest.Null[uint64]       `json:"seq" doc:"The frame counter as sent"`
	MessageID string                  `json:"message_id,omitempty"`
	Ignored   []string                `json:"ignored" doc:"Paths of what nothing was read from, the first 64"`
	Decoded   json.RawMessage         `json:"decoded,omitempty" doc:"What the codec made of the part"`
	Skipped   bool                    `json:"skipped,omitempty"`
	Refused   rest.Null[TriedRefusal] `json:"refused" doc:"Why the part is refused"`
}

// TriedReading is a reading of the trial.
type TriedReading struct {
	Time   rest.Instant       `json:"time"`
	Dated  bool               `json:"dated" doc:"false: the message says no time, that of its receipt is taken"`
	Values map[string]float64 `json:"values" doc:"By quantity, in the units of docs/formats.md"`
	Flaws  []TriedFlaw        `json:"flaws,omitempty"`
}

// TriedFlaw is a member that gave no value.
type TriedFlaw struct {
	Name   string `json:"name"`
	Text   string `json:"text"`
	Reason string `json:"reason"`
}

// TriedRefusal is why a message would not be taken.
type TriedRefusal struct {
	Reason string `json:"reason" doc:"docs/formats.md tells what each means" example:"no_match"`
	Detail string `json:"detail"`
}

func (s *Resource) try(ctx context.Context, in *tryInput) (*rest.Answer[Tried], error) {
	done, err := s.Heavy.Take(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	var t trial
	if err := canon.UnmarshalJSON(in.RawBody, &t); err != nil {
		return nil, rest.InvalidField("body", err.Error())
	}
	payload, err := t.message()
	if err != nil {
		return nil, err
	}
	var p *profile.Profile
	switch {
	case (t.Profile == "") == (len(t.Document) == 0):
		return nil, rest.InvalidField("body.profile", "give profile, id@version, or document")
	case t.Profile != "":
		p, _, err = s.Book.Find(ctx, t.Profile)
	default:
		p, err = s.read("body.document", t.Document)
	}
	if err != nil {
		return nil, err
	}
	at := s.Now().UnixMilli()
	if t.ReceivedAt != nil {
		at = int64(*t.ReceivedAt)
	}
	v := show(p)
	out := Tried{Ref: v.Ref, Hash: v.Hash, Parts: []TriedPart{}}
	parts, skip, err := p.Parts(t.Topic, payload)
	out.Skipped = skip
	if err != nil {
		if out.Refused, err = refused(err); err != nil {
			return nil, err
		}
		return rest.Reply(out, nil)
	}
	for _, part := range parts {
		tried, err := s.part(ctx, p, t.Topic, part, at)
		if err != nil {
			return nil, err
		}
		out.Parts = append(out.Parts, tried)
	}
	return rest.Reply(out, nil)
}

// message gives the bytes of the message, in whichever way they were given.
func (t *trial) message() ([]byte, error) {
	if (t.Text == nil) == (len(t.Payload) == 0) {
		return nil, rest.InvalidField("body.payload", "give the message: payload, in base64 or as JSON, or text")
	}
	payload := []byte(t.Payload)
	if t.Text != nil {
		payload = []byte(*t.Text)
	} else if payload[0] == '"' {
		var text string
		err := json.Unmarshal(payload, &text)
		if err == nil {
			payload, err = base64.StdEncoding.DecodeString(text)
		}
		if err != nil {
			return nil, rest.InvalidField("body.payload", "must be base64 or JSON that is no text: "+err.Error()+"; a message that is text goes into text")
		}
	}
	return payload, nil
}

// part reads one device's part as ingest does.
func (s *Resource) part(ctx context.Context, p *profile.Profile, topic string, part profile.Part, at int64) (TriedPart, error) {
	out := TriedPart{Device: part.Device, Readings: []TriedReading{}, Ignored: []string{}}
	err := func() error {
		var decoded []byte
		if c := p.Document().Codec; c != nil {
			input, port, err := p.CodecInput(topic, part.Payload)
			if err != nil {
				return err
			}
			if decoded, err = s.decode(ctx, c, input, port, at); err != nil {
				return err
			}
			out.Decoded = decoded
		}
		r, err := p.Read(topic, part.Payload, decoded, at)
		if err != nil {
			return err
		}
		out.MessageID, out.Skipped = r.MessageID, r.Skip
		out.Ignored = append(out.Ignored, r.Ignored...)
		if r.Seq != nil {
			out.Seq = rest.Some(*r.Seq)
		}
		if r.Skip {
			return nil
		}
		// The very bytes that would be logged, opened as all who judge do.
		e := telemetry.Envelope{Tracker: "tried", Profile: p.Hash(), Topic: topic, Payload: part.Payload, Decoded: decoded, Reads: r.Reads}
		opened, err := telemetry.Open(telemetry.LeafUnsigned, e.Encode(), at)
		if err != nil {
			return err
		}
		for _, reading := range opened.Readings {
			v := TriedReading{Time: rest.Instant(reading.TimeMS), Dated: opened.Timed, Values: map[string]float64{}}
			for name, value := range reading.Values {
				v.Values[name] = value
			}
			for _, f := range reading.Flaws {
				v.Flaws = append(v.Flaws, TriedFlaw{Name: f.Name, Text: f.Text, Reason: string(f.Reason)})
			}
			out.Readings = append(out.Readings, v)
		}
		return nil
	}()
	if err != nil {
		out.Refused, err = refused(err)
	}
	return out, err
}

// decode runs a codec; what it is to blame for is the reason that its sender would get.
func (s *Resource) decode(ctx context.Context, c *profile.Codec, input []byte, port int, at int64) ([]byte, error) {
	decoded, err := s.Codecs.Decode(ctx, c, input, port, at)
	switch {
	case errors.Is(err, codec.ErrScript):
		return nil, &telemetry.Reject{Reason: telemetry.CodecFailed, Detail: err.Error()}
	case errors.Is(err, codec.ErrLimit), errors.Is(err, codec.ErrDisabled):
		return nil, &telemetry.Reject{Reason: telemetry.CodecLimit, Detail: err.Error()}
	}
	return decoded, unavailable(err)
}

// refused shows a rejection; all other errors are the request's.
func refused(err error) (rest.Null[TriedRefusal], error) {
	if r, ok := errors.AsType[*telemetry.Reject](err); ok {
		return rest.Some(TriedRefusal{Reason: string(r.Reason), Detail: string(bytes.ToValidUTF8([]byte(r.Detail), []byte("?")))}), nil
	}
	return rest.Null[TriedRefusal]{}, err
}
