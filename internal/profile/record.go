package profile

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// reader reads one part and writes its plain JSON: the members of each object by their names, as telemetry.EncodePlain does. What gave no
// number is written as text, which every reader of plain JSON takes for a flaw and shows.
type reader struct {
	*Profile
	topic    string
	message  *tree
	records  *tree // the same without a codec
	received int64
	out      []byte
	seqAt    int  // where seq belongs in the last object
	seqFirst bool // as its first member
}

// when is the time of a record: none (the receipt), a number, or the text that was no time.
type when struct {
	given bool
	ms    int64
	flaw  string
}

func (r *reader) all() (out Read, err error) {
	places := r.places()
	if len(places) > telemetry.MaxRecords {
		return out, reject(telemetry.Malformed, "%d records, at most %d", len(places), telemetry.MaxRecords)
	}
	seq := r.counter(&out)
	out.MessageID = r.id()
	times, err := r.times(len(places))
	if err != nil {
		return out, err
	}
	r.out = append(make([]byte, 0, 256), '[')
	objects := 0
	for i, at := range places {
		if r.record(at, times, i, objects > 0) {
			objects++
		}
	}
	if objects == 0 {
		return out, reject(telemetry.NoMatch, "none of the profile's readings is there: %s", r.sought())
	}
	switch {
	case seq == "":
	case r.seqFirst:
		r.out = slices.Insert(r.out, r.seqAt, []byte(`"seq":`+seq+`,`)...)
	default:
		r.out = slices.Insert(r.out, r.seqAt, []byte(`,"seq":`+seq)...)
	}
	if out.Reads = r.out[1:]; objects > 1 {
		out.Reads = append(r.out, ']')
	}
	if len(out.Reads) > telemetry.MaxMessage {
		return Read{}, reject(telemetry.Oversized, "its readings take %d bytes, at most %d", len(out.Reads), telemetry.MaxMessage)
	}
	return out, nil
}

// places are the records: what each finds, and the elements of a list that it finds.
func (r *reader) places() []int32 {
	t := r.records
	if r.each == nil {
		return []int32{0}
	}
	found := r.each.all(t, 0)
	if !slices.ContainsFunc(found, func(at int32) bool { return t.nodes[at].kind == list }) {
		return found
	}
	var all []int32
	for _, at := range found {
		if t.nodes[at].kind != list {
			all = append(all, at)
			continue
		}
		t.each(at, func(_ int, c int32) { all = append(all, c) })
	}
	return all
}

// counter reads the sequence, and gives what is written of it.
func (r *reader) counter(out *Read) string {
	s, ok := r.scalar(r.sequence)
	if !ok {
		return ""
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return string(appendText(nil, shown(s, "no counter")))
	}
	out.Seq = &n
	return strconv.FormatUint(n, 10)
}

func (r *reader) id() string {
	s, _ := r.scalar(r.messageID)
	if len(s) > maxMessageID {
		return ""
	}
	return strings.Clone(s)
}

// scalar is what a path on the message finds.
func (r *reader) scalar(p *path) (string, bool) {
	if p == nil {
		return "", false
	}
	at, ok := p.first(r.message, 0)
	if !ok {
		return "", false
	}
	r.message.use(at)
	return r.message.scalar(at)
}

// timing is the time of the message, and how its records follow each other.
type timing struct {
	message when
	stepMS  int64 // from a record to the next; 0 = all have the time of the message
	from    int64 // ms from the message's time to the first record
	own     bool  // each record says its time
}

func (r *reader) times(n int) (timing, error) {
	var t timing
	if in := r.time; in != nil && in.from != nil {
		if t.own = !in.ofMessage && r.step == nil; !t.own {
			t.message = in.of(r.message, 0)
		}
	}
	if r.step == nil || n < 2 {
		return t, nil
	}
	step := r.step.ms
	if r.step.from != nil {
		if s, ok := r.scalar(r.step.from); ok {
			ms, ok := epoch(s, "s")
			if !ok || ms > maxStepS*1000 {
				return t, reject(telemetry.Malformed, "step.from %s: %q is no number of seconds", r.step.from.text, cut(s))
			}
			step = ms
		} else if step == 0 {
			return t, reject(telemetry.NoMatch, "step.from %s finds no seconds", r.step.from.text)
		}
	}
	if r.step.newestFirst {
		step = -step
	}
	if t.stepMS = step; r.step.last {
		t.from = -step * int64(n-1)
	}
	if !t.message.given {
		t.message = when{given: true, ms: r.received}
	}
	return t, nil
}

// of reads the time that stands below a place; none when it is not there.
func (in *instant) of(t *tree, at int32) when {
	found, ok := in.from.first(t, at)
	if !ok {
		return when{}
	}
	s, ok := t.scalar(found)
	if t.use(found); !ok {
		if t.nodes[found].kind == null {
			return when{}
		}
		return when{given: true, flaw: "a list or an object"}
	}
	s = strings.TrimSpace(s)
	ms, ok := in.read(s)
	if !ok {
		return when{given: true, flaw: shown(s, "not a time, "+in.as)}
	}
	return when{given: true, ms: ms}
}

// record writes an object when there is a reading in it.
func (r *reader) record(at int32, t timing, i int, more bool) bool {
	begin := len(r.out)
	if more {
		r.out = append(r.out, ',')
	}
	r.out = append(r.out, '{')
	body, found, seqAt, timed := len(r.out), false, -1, false
	for k := range r.slots {
		s := &r.slots[k]
		if seqAt < 0 && s.name > "seq" {
			seqAt = len(r.out)
		}
		if !timed && s.name > "time" {
			timed = true
			r.writeTime(body, at, t, i)
		}
		if r.quantity(body, s, at) {
			found = true
		}
	}
	if !found {
		r.out = r.out[:begin]
		return false
	}
	if seqAt < 0 {
		seqAt = len(r.out)
	}
	if !timed {
		r.writeTime(body, at, t, i)
	}
	r.out = append(r.out, '}')
	r.seqAt, r.seqFirst = seqAt, seqAt == body
	return true
}

func (r *reader) name(body int, name string) {
	if len(r.out) > body {
		r.out = append(r.out, ',')
	}
	r.out = append(append(append(r.out, '"'), name...), '"', ':')
}

func (r *reader) writeTime(body int, at int32, t timing, i int) {
	w := t.message
	if t.own {
		w = r.time.of(r.records, at)
	}
	switch {
	case !w.given:
		return
	case w.flaw != "":
		r.name(body, "time")
		r.out = appendText(r.out, w.flaw)
		return
	}
	r.name(body, "time")
	ms := clampMS(w.ms + t.from + int64(i)*t.stepMS)
	r.out = time.UnixMilli(ms).UTC().AppendFormat(r.out, `"2006-01-02T15:04:05.000Z"`)
}

// quantity writes one member: what the first of its sources that is there says.
func (r *reader) quantity(body int, s *slot, at int32) bool {
	for i := range s.sources {
		src := &s.sources[i]
		if src.topic != "" && !matches(src.topic, r.topic) {
			continue
		}
		t, from := r.records, at
		if src.ofMessage {
			t, from = r.message, 0
		}
		found, several, ok := src.find(t, from)
		switch {
		case !ok:
			continue
		case several != "":
			r.name(body, s.name)
			r.out = appendText(r.out, shown(several, "several values"))
		default:
			r.name(body, s.name)
			r.value(src, t, found, at)
		}
		return true
	}
	return false
}

// find is what a path finds that is not null. Of several values that differ none counts: nobody could say which is meant.
func (s *source) find(t *tree, from int32) (found int32, several string, ok bool) {
	if s.from.segments == nil {
		found, ok = s.from.one(t, from)
		if !ok || t.nodes[found].kind == null {
			return 0, "", false
		}
		t.use(found)
		return found, "", true
	}
	for _, at := range s.from.all(t, from) {
		if t.nodes[at].kind == null {
			continue
		}
		t.use(at)
		if ok && t.raw(at) != t.raw(found) && several == "" {
			several = t.raw(found) + ", " + t.raw(at)
		}
		if !ok {
			found, ok = at, true
		}
	}
	return found, several, ok
}

// value writes a number, or a text that says why there is none.
func (r *reader) value(s *source, t *tree, found, record int32) {
	n := &t.nodes[found]
	word, ok := t.scalar(found)
	if !ok {
		r.out = appendText(r.out, "a list or an object")
		return
	}
	sent := word
	if s.separator != "" {
		fields := strings.Split(word, s.separator)
		if s.field >= len(fields) {
			r.out = appendText(r.out, shown(sent, "no such field"))
			return
		}
		word = fields[s.field]
		sent = word
	}
	if n.kind == text {
		word = strings.TrimSpace(word)
	}
	if s.isError(word) {
		r.out = appendText(r.out, shown(sent, "error value"))
		return
	}
	if v, ok := s.values[word]; ok {
		word = v
	} else if n.kind == truth {
		word = "1"
	} else if n.kind == falsehood {
		word = "0"
	}
	if n.kind == text {
		word = strings.TrimPrefix(word, "+")
	}
	if word == "" || numberLen(word) != len(word) {
		r.out = appendText(r.out, shown(sent, "no number"))
		return
	}
	in := &s.affine
	if s.unit != nil {
		unit, ok := r.unit(s, record)
		a, known := s.units[unit]
		if in = &a; ok && !known {
			r.out = appendText(r.out, shown(sent, "in an unknown unit "+cut(unit)))
			return
		}
	}
	if v, ok := in.apply(word); ok {
		r.out = appendFloat(r.out, v)
		return
	}
	r.out = appendText(r.out, shown(sent, "too large"))
}

// unit is what the message says of a value's unit, in the record or at its top; "" = it does not say.
func (r *reader) unit(s *source, record int32) (string, bool) {
	t, at := r.records, record
	found, ok := s.unit.first(t, at)
	if !ok {
		t = r.message
		found, ok = s.unit.first(t, 0)
	}
	if !ok || t.nodes[found].kind == null {
		return "", true
	}
	t.use(found)
	u, ok := t.scalar(found)
	if !ok {
		u = "a list or an object"
	}
	return u, true
}

// isError reports whether a word stands in the place of a measurement: the same text, or the same number.
func (s *source) isError(word string) bool {
	if len(s.errors) == 0 {
		return false
	}
	v, err := strconv.ParseFloat(word, 64)
	for i, e := range s.errors {
		if e == word || err == nil && s.errorNumbers[i] == v {
			return true
		}
	}
	return false
}

// sought are the paths of the readings, for who gets none.
func (r *reader) sought() string {
	var paths []string
	for _, s := range r.slots {
		for i := range s.sources {
			paths = append(paths, s.sources[i].from.text)
		}
	}
	if len(paths) > 8 {
		paths = append(paths[:8], "…")
	}
	return strings.Join(paths, " ")
}

// shown is what was sent with the reason why it is no value, together within what a flaw shows.
func shown(sent, why string) string {
	const most = 40
	if len(sent) > most {
		n := most
		for n > 0 && !utf8.RuneStart(sent[n]) {
			n--
		}
		sent = sent[:n] + "…"
	}
	return sent + " (" + why + ")"
}

func appendText(to []byte, s string) []byte {
	plain := true
	for i := range len(s) {
		plain = plain && s[i] >= ' ' && s[i] < utf8.RuneSelf && s[i] != '"' && s[i] != '\\' && s[i] != '<' && s[i] != '>' && s[i] != '&' && s[i] != 0x7f
	}
	if plain {
		return append(append(append(to, '"'), s...), '"')
	}
	b, err := json.Marshal(s)
	if err != nil { // a text cannot fail
		panic(err)
	}
	return append(to, b...)
}

// appendFloat writes a number as encoding/json does.
func appendFloat(to []byte, v float64) []byte {
	format := byte('f')
	if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	to = strconv.AppendFloat(to, v, format, -1, 64)
	if n := len(to); format == 'e' && n >= 4 && to[n-4] == 'e' && to[n-3] == '-' && to[n-2] == '0' {
		to[n-2] = to[n-1]
		to = to[:n-1]
	}
	return to
}
