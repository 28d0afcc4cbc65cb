package profile

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// Read is what a profile reads from one part of a message.
type Read struct {
	Reads     []byte   // plain JSON of docs/formats.md, canonical
	Seq       *uint64  // the counter as sent
	MessageID string   // "" = none
	Ignored   []string // paths of what nothing was read from, the first ones
	Skip      bool     // the message is none for readings: nothing else is filled in
}

// ErrDiffers is Check's: the profile reads something else than the envelope says.
var ErrDiffers = errors.New("the profile reads something else")

const (
	maxIgnored   = 64
	maxMessageID = 256
)

// Read reads a part. decoded is what the profile's codec made of it, nil without a codec. Errors are *telemetry.Reject. Pure.
func (p *Profile) Read(topic string, payload, decoded []byte, receivedMS int64) (Read, error) {
	return p.read(topic, payload, decoded, receivedMS, true)
}

// Check reads again what an envelope says, and compares. What the codec made is taken as it is.
func (p *Profile) Check(e *telemetry.Envelope, receivedMS int64) error {
	if e.Profile != p.hash {
		return fmt.Errorf("the envelope names profile %x, this is %x (%s)", e.Profile, p.hash, p.Ref())
	}
	r, err := p.read(e.Topic, e.Payload, e.Decoded, receivedMS, false)
	switch {
	case err != nil:
		return fmt.Errorf("%w: it refuses the message: %w", ErrDiffers, err)
	case r.Skip:
		return fmt.Errorf("%w: it skips the message", ErrDiffers)
	case !bytes.Equal(r.Reads, e.Reads):
		return fmt.Errorf("%w: %s", ErrDiffers, cut(string(r.Reads)))
	}
	return nil
}

func (p *Profile) read(topic string, payload, decoded []byte, receivedMS int64, ignored bool) (Read, error) {
	if err := sized(payload); err != nil {
		return Read{}, err
	}
	if len(decoded) > telemetry.MaxDecoded {
		return Read{}, reject(telemetry.Oversized, "%d bytes decoded, at most %d", len(decoded), telemetry.MaxDecoded)
	}
	if skip, err := p.addressed(topic); skip || err != nil {
		return Read{Skip: skip}, err
	}
	t, err := p.message(payload)
	if err != nil {
		return Read{}, err
	}
	defer t.release()
	unmet := p.unmet(t, 0)
	if err := t.worked(); err != nil {
		return Read{}, err
	}
	if unmet != "" {
		if p.skip {
			return Read{Skip: true}, nil
		}
		return Read{}, reject(telemetry.NoMatch, "when %s does not hold", unmet)
	}
	if d := p.devices; d != nil && d.path != nil && !d.inWhole {
		if at, ok := d.path.first(t, 0); ok { // Parts has read it
			t.use(at)
		}
	}
	from := t
	switch {
	case p.codec != nil:
		p.codec.note(t)
		if from, err = parse(string(decoded)); err != nil {
			return Read{}, reject(telemetry.Malformed, "what the codec made cannot be read: %v", err)
		}
		defer from.release()
	case len(decoded) > 0:
		return Read{}, reject(telemetry.Malformed, "decoded by a codec that the profile does not have")
	case p.senml:
		resolved, err := resolve(t, receivedMS)
		if err != nil {
			return Read{}, reject(telemetry.Malformed, "the SenML pack: %v", err)
		}
		if from, err = parse(string(resolved)); err != nil {
			return Read{}, reject(telemetry.Malformed, "the SenML pack: %v", err)
		}
		defer from.release()
		t = from
	}
	r := reader{Profile: p, topic: topic, message: t, records: from, received: receivedMS}
	out, err := r.all()
	for _, of := range []*tree{t, from} {
		if err := of.worked(); err != nil {
			return Read{}, err
		}
	}
	if err != nil {
		return Read{}, err
	}
	if ignored {
		out.Ignored = t.ignored(nil, "$")
		if from != t {
			out.Ignored = from.ignored(out.Ignored, "codec $")
		}
	}
	return out, nil
}
