package profile

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// Part is what a message says of one device.
type Part struct {
	Device  string // as the gateway names it; "" when the profile is about no gateway
	Payload []byte // the exact bytes of the original
}

// maxDevice bounds a device's name.
const maxDevice = 128

// noName stands for a device that a gateway's message does not name: nobody is enrolled under it.
const noName = "(no name)"

// Parts splits a message by its devices; without any the whole is one part. skip: nothing of it is meant for a reading. Errors are
// *telemetry.Reject.
func (p *Profile) Parts(topic string, payload []byte) (parts []Part, skip bool, err error) {
	if err := sized(payload); err != nil {
		return nil, false, err
	}
	if skip, err := p.addressed(topic); skip || err != nil {
		return nil, skip, err
	}
	if p.devices == nil && (!p.skip || len(p.when) == 0) {
		return []Part{{Payload: payload}}, false, nil
	}
	t, err := p.message(payload)
	if err != nil {
		return nil, false, err
	}
	defer t.release()
	places := []int32{0}
	if p.devices != nil && p.devices.split != nil {
		if places = p.devices.split.all(t, 0); len(places) == 0 {
			return nil, false, reject(telemetry.NoMatch, "devices.split %s finds nothing", p.devices.split.text)
		}
	}
	if len(places) > telemetry.MaxRecords {
		return nil, false, reject(telemetry.Malformed, "%d parts, at most %d", len(places), telemetry.MaxRecords)
	}
	end := int32(-1)
	for _, at := range places {
		part := Part{Payload: payload}
		if n := &t.nodes[at]; n.start < end {
			return nil, false, reject(telemetry.Malformed, "devices.split %s selects a part within another", p.devices.split.text)
		} else if end = n.end; at != 0 {
			part.Payload = payload[n.start:n.end:n.end]
		}
		if p.skip && p.unmet(t, at) != "" {
			continue
		}
		if p.devices != nil {
			if part.Device, err = p.devices.name(t, at, topic); err != nil {
				if len(places) == 1 {
					return nil, false, err
				}
				part.Device = noName // the others are read
			}
		}
		parts = append(parts, part)
	}
	if err := t.worked(); err != nil {
		return nil, false, err
	}
	return parts, len(parts) == 0, nil
}

func sized(payload []byte) error {
	switch n := len(payload); {
	case n == 0:
		return reject(telemetry.Malformed, "an empty message")
	case n > telemetry.MaxMessage:
		return reject(telemetry.Oversized, "%d bytes, at most %d", n, telemetry.MaxMessage)
	}
	return nil
}

// addressed judges by the topic. A message that came without one, by HTTP, matches always.
func (p *Profile) addressed(topic string) (skip bool, err error) {
	switch {
	case !utf8.ValidString(topic):
		return false, reject(telemetry.Malformed, "the topic is not UTF-8")
	case len(topic) > telemetry.MaxTopic:
		return false, reject(telemetry.Oversized, "a topic of %d bytes, at most %d", len(topic), telemetry.MaxTopic)
	case topic == "":
	case matchesAny(p.skipTopics, topic):
		return true, nil
	case len(p.topics) > 0 && !matchesAny(p.topics, topic):
		return false, reject(telemetry.NoMatch, "topic %q: profile %s is about %s", cut(topic), p.Ref(), strings.Join(p.topics, ", "))
	}
	return false, nil
}

// unmet is the path of the first condition that does not hold.
func (p *Profile) unmet(t *tree, at int32) string {
	for i := range p.when {
		if c := &p.when[i]; !c.met(t, at) {
			return c.path.text
		}
	}
	return ""
}

func (c *condition) met(t *tree, at int32) bool {
	for _, found := range c.path.all(t, at) {
		s, ok := t.scalar(found)
		if ok {
			t.use(found)
		}
		if len(c.is) == 0 {
			return true
		}
		if ok {
			for _, is := range c.is {
				if is == s {
					return true
				}
			}
		}
	}
	return false
}

func (d *devices) name(t *tree, at int32, topic string) (string, error) {
	name := ""
	switch {
	case d.byName:
		if name = t.nodes[at].name; name == "" {
			return "", reject(telemetry.Malformed, "devices.id name: a part stands under no member's name")
		}
	case d.path != nil:
		from, whole := at, ""
		if d.inWhole {
			from, whole = 0, " in the whole message"
		}
		found, ok := d.path.first(t, from)
		if ok {
			name, ok = t.scalar(found)
		}
		if !ok {
			return "", reject(telemetry.NoMatch, "devices.id %s finds no name%s", d.path.text, whole)
		}
	default:
		levels := strings.Split(topic, "/")
		if d.level >= len(levels) || topic == "" {
			return "", reject(telemetry.NoMatch, "devices.id topic:%d: the topic %q has no such level", d.level, cut(topic))
		}
		name = levels[d.level]
	}
	if name == "" || len(name) > maxDevice || strings.ContainsFunc(name, unicode.IsControl) {
		return "", reject(telemetry.Malformed, "device name %q must be 1 to %d bytes without control characters", cut(name), maxDevice)
	}
	return strings.Clone(name), nil
}

// message reads the payload: JSON; text that does not look like it is one text; what a codec takes may be any bytes.
func (p *Profile) message(payload []byte) (*tree, error) {
	src := string(payload)
	t, err := parse(src)
	if err == nil {
		return t, nil
	}
	begin := strings.TrimLeft(src, " \t\r\n")
	structured := begin != "" && strings.IndexByte(`{["`, begin[0]) >= 0
	raw := p.codec != nil && p.codec.bytes == nil
	switch {
	case raw && (structured || !plainText(src)):
		return &tree{src: src, nodes: []node{{kind: null, end: int32(len(src))}}}, nil
	case structured || begin == "" || !plainText(src):
		return nil, reject(telemetry.Malformed, "the JSON cannot be read: %v", err)
	}
	return &tree{src: src, nodes: []node{{kind: text, end: int32(len(src)), text: src}}}, nil
}

func plainText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' })
}

// CodecInput is what the profile's codec gets of a part. Errors are *telemetry.Reject.
func (p *Profile) CodecInput(topic string, payload []byte) (bytes []byte, port int, err error) {
	if p.codec == nil {
		return nil, 0, errors.New("profile " + p.Ref() + " has no codec")
	}
	if err := sized(payload); err != nil {
		return nil, 0, err
	}
	if p.codec.bytes == nil && p.codec.port == nil && len(p.when) == 0 {
		return payload, 0, nil
	}
	t, err := p.message(payload)
	if err != nil {
		return nil, 0, err
	}
	defer t.release()
	unmet := p.unmet(t, 0)
	if err := t.worked(); err != nil {
		return nil, 0, err
	}
	if unmet != "" {
		return nil, 0, reject(telemetry.NoMatch, "when %s does not hold", unmet)
	}
	if bytes, err = p.codec.input(t, payload); err != nil {
		return nil, 0, err
	}
	if p.codec.port != nil {
		if at, ok := p.codec.port.first(t, 0); ok {
			s, _ := t.scalar(at)
			n, err := strconv.ParseUint(s, 10, 8)
			if err != nil {
				return nil, 0, reject(telemetry.Malformed, "codec.port %s: %q is not 0 to 255", p.codec.port.text, cut(s))
			}
			port = int(n)
		}
	}
	return bytes, port, nil
}

func (c *decoding) input(t *tree, payload []byte) ([]byte, error) {
	if c.bytes == nil {
		return payload, nil
	}
	at, ok := c.bytes.first(t, 0)
	if !ok || t.nodes[at].kind != text {
		return nil, reject(telemetry.NoMatch, "codec.bytes %s finds no text", c.bytes.text)
	}
	s := t.nodes[at].text
	var b []byte
	var err error
	if c.encoding == "hex" {
		b, err = hex.DecodeString(s)
	} else {
		// Padding or not, - and _ or + and /: senders differ, and no text means two things.
		b, err = base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "=")))
	}
	if err != nil {
		return nil, reject(telemetry.Malformed, "codec.bytes %s is no %s: %v", c.bytes.text, c.encoding, err)
	}
	return b, nil
}
