package profile

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// plan is a document made ready: every path compiled, every unit and decimal read.
type plan struct {
	topics, skipTopics []string
	when               []condition
	skip               bool
	devices            *devices
	senml              bool
	each               *path
	time               *instant
	step               *stepping
	sequence           *path
	bits               int
	messageID          *path
	slots              []slot // by name
	codec              *decoding
}

type condition struct {
	path *path
	is   []string
}

type devices struct {
	split   *path
	byName  bool
	level   int // of the topic, -1 = not by it
	path    *path
	inWhole bool
}

type stepping struct {
	ms          int64
	from        *path
	newestFirst bool
	last        bool
}

// slot is one quantity: where it may stand, the first that is there counts.
type slot struct {
	name    string
	sources []source
}

type source struct {
	from      *path
	topic     string
	separator string
	field     int
	ofMessage bool
	affine
	unit   *path
	units  map[string]affine // by what unit says
	errors []string
	values map[string]string

	errorNumbers []float64 // of errors, NaN where one is none
}

type decoding struct {
	bytes, port *path
	encoding    string
}

// Bounds of a profile.
const (
	maxTopics     = 32
	maxTopic      = 256
	maxConditions = 16
	maxReadings   = 128
	maxWords      = 64 // values, errors and variables
	maxWord       = 256
	maxAbout      = 8 << 10
	maxLine       = 512
	maxFields     = 255
	maxStepS      = 31 * 24 * 3600
)

var profileID = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9_-]*\.)?[a-z0-9][a-z0-9-]*$`)

// problems gathers what is wrong, each with its place.
type problems []error

func (p *problems) bad(place, format string, args ...any) {
	*p = append(*p, fmt.Errorf("%s "+format, append([]any{place}, args...)...))
}

func (p *problems) path(place, s string, needed bool) *path {
	if s == "" && !needed {
		return nil
	}
	compiled, err := compile(s)
	if err != nil {
		p.bad(place, "%w", err)
	}
	return compiled
}

func (p *problems) line(place, s string, most int, needed bool) {
	if !utf8.ValidString(s) || len(s) > most || most <= maxLine && strings.ContainsFunc(s, unicode.IsControl) || needed && s == "" {
		p.bad(place, "must be text of at most %d bytes without control characters", most)
	}
}

func newPlan(d *Document) (pl plan, err error) {
	p := &problems{}
	if !profileID.MatchString(d.ID) || len(d.ID) > 64 {
		p.bad("id", "%q: lower-case letters, digits and dashes, at most 64; before them the publisher's name and a dot", cut(d.ID))
	}
	if d.Version < 1 || d.Version > 1_000_000 {
		p.bad("version", "must be 1 to 1000000")
	}
	p.line("title", d.Title, maxLine, true)
	p.line("about", d.About, maxAbout, false)
	p.line("source", d.Source, maxLine, false)
	p.line("licence", d.Licence, maxLine, false)
	pl.topics, pl.skipTopics = p.topics("topics", d.Topics), p.topics("skip_topics", d.SkipTopics)
	if len(d.When) > maxConditions {
		p.bad("when", "has more than %d conditions", maxConditions)
	}
	for i, c := range d.When {
		place := fmt.Sprintf("when[%d]", i)
		p.words(place+".is", c.Is)
		pl.when = append(pl.when, condition{p.path(place+".path", c.Path, true), c.Is})
	}
	if pl.skip = d.Skip; d.Skip && len(d.When) == 0 {
		p.bad("skip", "needs when")
	}
	pl.devices = p.devices(d.Devices)
	if pl.senml = d.Format == "senml"; d.Format != "" && !pl.senml {
		p.bad("format", "%q: must be senml, or absent", cut(d.Format))
	}
	if pl.senml && d.Codec != nil {
		p.bad("format", "and a codec exclude each other")
	}
	pl.each = p.path("each", d.Each, false)
	pl.time = p.time(d.Time, d.Codec != nil)
	pl.step = p.step(d.Step)
	if s := d.Sequence; s != nil {
		pl.sequence = p.path("sequence.from", s.From, true)
		if pl.bits = cmp.Or(s.Bits, 63); pl.bits < 1 || pl.bits > 63 {
			p.bad("sequence.bits", "must be 1 to 63, mostly 16 or 32")
		}
	}
	pl.messageID = p.path("message_id", d.MessageID, false)
	pl.slots = p.readings(d)
	if err := telemetry.CheckSensors(d.Sensors); err != nil {
		p.bad("sensors", "%w", err)
	}
	pl.codec = p.codec(d.Codec)
	return pl, p.err()
}

func (p *problems) err() error {
	if len(*p) == 0 {
		return nil
	}
	texts := make([]string, min(len(*p), 10))
	for i := range texts {
		texts[i] = (*p)[i].Error()
	}
	if more := len(*p) - len(texts); more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return errors.New(strings.Join(texts, "; "))
}

func (p *problems) words(place string, words []string) {
	if len(words) > maxWords {
		p.bad(place, "has more than %d entries", maxWords)
	}
	for _, w := range words {
		p.line(place, w, maxWord, false)
	}
}

func (p *problems) devices(d *Devices) *devices {
	if d == nil {
		return nil
	}
	out := &devices{level: -1, split: p.path("devices.split", d.Split, false)}
	switch level, byTopic := strings.CutPrefix(d.ID, "topic:"); {
	case d.ID == "name":
		if out.byName = true; out.split == nil {
			p.bad("devices.id", "name needs split: the whole has none")
		}
	case byTopic:
		n, err := strconv.Atoi(level)
		if out.level = n; err != nil || n < 0 || n > 31 {
			p.bad("devices.id", "%q: must be topic: and the level, from 0", cut(d.ID))
		}
	case strings.HasPrefix(d.ID, "$$"):
		out.inWhole, out.path = true, p.path("devices.id", d.ID[1:], true)
	case strings.HasPrefix(d.ID, "$"):
		out.path = p.path("devices.id", d.ID, true)
	default:
		p.bad("devices.id", "%q: must be name, a path, $$ and a path in the whole message, or topic:2", cut(d.ID))
	}
	return out
}

func (p *problems) step(s *Step) *stepping {
	if s == nil {
		return nil
	}
	out := &stepping{ms: int64(s.Seconds) * 1000, newestFirst: s.NewestFirst, last: s.Of == "last", from: p.path("step.from", s.From, false)}
	if s.Seconds < 0 || s.Seconds > maxStepS || s.Seconds == 0 && s.From == "" {
		p.bad("step.seconds", "must be 1 to %d, or from says where they stand", maxStepS)
	}
	if s.Of != "" && s.Of != "first" && !out.last {
		p.bad("step.of", "%q: must be first or last", cut(s.Of))
	}
	return out
}

func (p *problems) codec(c *Codec) *decoding {
	if c == nil {
		return nil
	}
	if c.Script == "" || !utf8.ValidString(c.Script) {
		p.bad("codec.script", "must be JavaScript")
	}
	if !slices.Contains([]string{"", "ttn", "chirpstack", "decoder", "auto"}, c.Kind) {
		p.bad("codec.kind", "%q: must be ttn, chirpstack, decoder or auto", cut(c.Kind))
	}
	if c.Encoding != "" && c.Encoding != "base64" && c.Encoding != "hex" || c.Encoding == "" && c.Bytes != "" || c.Encoding != "" && c.Bytes == "" {
		p.bad("codec.encoding", "must be base64 or hex of what bytes finds; without bytes, the codec has the payload as it is")
	}
	p.line("codec.licence", c.Licence, maxLine, false)
	p.line("codec.origin", c.Origin, maxLine, false)
	if len(c.Variables) > maxWords {
		p.bad("codec.variables", "has more than %d", maxWords)
	}
	for name, value := range c.Variables {
		p.line("codec.variables", name, maxWord, true)
		p.line("codec.variables", value, maxAbout, false)
	}
	return &decoding{p.path("codec.bytes", c.Bytes, false), p.path("codec.port", c.Port, false), c.Encoding}
}

func (p *problems) readings(d *Document) []slot {
	if len(d.Readings) == 0 || len(d.Readings) > maxReadings {
		p.bad("readings", "must be 1 to %d", maxReadings)
	}
	var slots []slot
	for i := range d.Readings {
		r := &d.Readings[i]
		place := fmt.Sprintf("readings[%d]", i)
		q, ok := telemetry.FindQuantity(r.Quantity)
		if !ok {
			p.bad(place+".quantity", "%q is no quantity; docs/formats.md lists them", cut(r.Quantity))
			continue
		}
		at := slices.IndexFunc(slots, func(s slot) bool { return s.name == q.Name })
		if at < 0 {
			at = len(slots)
			slots = append(slots, slot{name: q.Name})
		}
		slots[at].sources = append(slots[at].sources, p.reading(place, r, &q, d.Codec != nil))
	}
	slices.SortFunc(slots, func(a, b slot) int { return cmp.Compare(a.name, b.name) })
	return slots
}

func (p *problems) reading(place string, r *Reading, q *telemetry.Quantity, codec bool) source {
	s := source{from: p.path(place+".from", r.From, true), ofMessage: r.Of == "message", values: r.Values}
	switch {
	case r.Of != "" && r.Of != "message" && r.Of != "codec":
		p.bad(place+".of", "%q: must be message, codec, or absent", cut(r.Of))
	case r.Of == "codec" && !codec:
		p.bad(place+".of", "codec: the profile has none")
	}
	scale, offset := p.decimal(place+".scale", cmp.Or(r.Scale, "1")), p.decimal(place+".offset", cmp.Or(r.Offset, "0"))
	in := func(c conversion) affine {
		return newAffine(new(big.Rat).Mul(scale, c.mul), new(big.Rat).Add(new(big.Rat).Mul(offset, c.mul), c.add))
	}
	if strings.HasPrefix(r.Unit, "$") {
		s.unit = p.path(place+".unit", r.Unit, true)
		s.units = map[string]affine{"": in(ratio("1")), q.Unit: in(ratio("1"))}
		for name, c := range units[q.Unit] {
			s.units[name] = in(c)
		}
	} else if c, ok := unitOf(q, r.Unit); ok {
		s.affine = in(c)
	} else {
		p.bad(place+".unit", "%q is no unit of %s; known are %s", cut(r.Unit), q.Name, unitsOf(q))
	}
	if s.topic = r.Topic; r.Topic != "" {
		p.topics(place+".topic", []string{r.Topic})
	}
	s.separator, s.field = r.Separator, r.Field
	if len(r.Separator) > 8 || r.Field < 0 || r.Field > maxFields || r.Field > 0 && r.Separator == "" {
		p.bad(place+".field", "must be 0 to %d, with a separator of at most 8 bytes", maxFields)
	}
	p.words(place+".errors", r.Errors)
	s.errors = r.Errors
	for _, e := range r.Errors {
		v, err := strconv.ParseFloat(e, 64)
		if err != nil {
			v = math.NaN()
		}
		s.errorNumbers = append(s.errorNumbers, v)
	}
	if len(r.Values) > maxWords {
		p.bad(place+".values", "has more than %d entries", maxWords)
	}
	for _, word := range slices.Sorted(maps.Keys(r.Values)) {
		p.line(place+".values", word, maxWord, false)
		if _, err := decimal(r.Values[word]); err != nil {
			p.bad(place+".values."+cut(word), "%w", err)
		}
	}
	return s
}

func (p *problems) decimal(place, s string) *big.Rat {
	r, err := decimal(s)
	if err != nil {
		p.bad(place, "%w", err)
		return new(big.Rat)
	}
	return r
}

// cut bounds a text that is shown.
func cut(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	n := most
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
