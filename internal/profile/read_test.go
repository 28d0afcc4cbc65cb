package profile

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/telemetry"
)

func parsed(t testing.TB, members string) *Profile {
	t.Helper()
	p, err := Parse([]byte(`{"id":"ours.x","version":1,"title":"t",` + members + `}`))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const aTemperature = `"readings":[{"quantity":"temperature","from":"$.t"}]`

func TestReadRefuses(t *testing.T) {
	huge := `{"t":1,"x":"` + strings.Repeat("x", telemetry.MaxMessage) + `"}`
	for _, c := range []struct{ members, topic, payload, decoded, want string }{
		{aTemperature, "", "", "", "malformed: an empty message"},
		{aTemperature, "", huge, "", "oversized: "},
		{aTemperature, "", `{"t":1`, "", "malformed: the JSON cannot be read: it ends at byte 6"},
		{aTemperature, "", `{"t":1,"t":2}`, "", `malformed: the JSON cannot be read: member "t" is repeated`},
		{aTemperature, "", "\x00\x01", "", "malformed: "},
		{aTemperature, "", "hello", "", "no_match: none of the profile's readings is there: $.t"},
		{aTemperature, "", `{"t":1}`, `{"data":{}}`, "malformed: decoded by a codec"},
		{aTemperature, strings.Repeat("a", telemetry.MaxTopic+1), `{"t":1}`, "", "oversized: a topic"},
		{aTemperature, "\xff", `{"t":1}`, "", "malformed: the topic"},
		{`"topics":["a/+"],` + aTemperature, "b/c", `{"t":1}`, "", `no_match: topic "b/c": profile ours.x@1 is about a/+`},
		{`"when":[{"path":"$.kind","is":["x"]}],` + aTemperature, "", `{"t":1,"kind":"y"}`, "", "no_match: when $.kind does not hold"},
		{`"each":"$.l",` + aTemperature, "", `{"l":[` + strings.Repeat(`{"t":1},`, telemetry.MaxRecords) + `{"t":1}]}`, "", "malformed: 4097 records"},
		{`"each":"$.l",` + aTemperature, "", `{"l":[]}`, "", "no_match: "},
		{`"each":"$.l","step":{"seconds":60,"from":"$.s"},` + aTemperature, "", `{"s":"x","l":[{"t":1},{"t":2}]}`, "", `malformed: step.from $.s: "x"`},
		{`"each":"$[*]","time":{"from":"receipt"},"readings":[{"quantity":"temperature","from":"$","errors":["1"]}],"step":{"seconds":1}`, "", `[` + strings.Repeat("1,", 3000) + `1]`, "", "oversized: its readings take"},
		{`"codec":{"script":"x"},` + aTemperature, "", "\x01\x02", "", "malformed: what the codec made"},
		{`"codec":{"script":"x"},` + aTemperature, "", "\x01\x02", `"` + strings.Repeat("x", telemetry.MaxDecoded) + `"`, "oversized: "},
	} {
		_, err := parsed(t, c.members).Read(c.topic, []byte(c.payload), []byte(c.decoded), receivedMS)
		if got := refusedAs(err); got == "" || !strings.HasPrefix(got, c.want) {
			t.Errorf("%.60s on %.40q: %.160s, want %s", c.members, c.payload, fmt.Sprint(err), c.want)
		}
	}
}

func TestPartsRefuse(t *testing.T) {
	for _, c := range []struct{ devices, topic, payload, want string }{
		{`{"split":"$.*","id":"name"}`, "", `[{"t":1}]`, "malformed: devices.id name"},
		{`{"split":"$.*","id":"name"}`, "", `{}`, "no_match: devices.split $.* finds nothing"},
		{`{"split":"$..*","id":"name"}`, "", `{"a":{"b":1}}`, "malformed: devices.split $..* selects a part within another"},
		{`{"id":"$.mac"}`, "", `{"t":1}`, "no_match: devices.id $.mac finds no name"},
		{`{"id":"$.mac"}`, "", `{"mac":["x"]}`, "no_match: devices.id $.mac finds no name"},
		{`{"split":"$.l[*]","id":"$$.mac"}`, "", `{"l":[1]}`, "no_match: devices.id $.mac finds no name in the whole message"},
		{`{"id":"topic:2"}`, "a/b", `{}`, "no_match: devices.id topic:2"},
		{`{"id":"topic:2"}`, "", `{}`, "no_match: devices.id topic:2"},
		{`{"id":"$.mac"}`, "", `{"mac":"` + strings.Repeat("x", maxDevice+1) + `"}`, "malformed: device name"},
		{`{"id":"$.mac"}`, "", `{"mac":"a\nb"}`, "malformed: device name"},
		{`{"split":"$[*]","id":"$"}`, "", `[` + strings.Repeat("1,", telemetry.MaxRecords) + `1]`, "malformed: 4097 parts"},
		{`{"id":"$.mac"}`, "", `nothing`, "no_match: "},
		{`{"id":"$.mac"}`, "", `{`, "malformed: "},
	} {
		parts, skip, err := parsed(t, `"devices":`+c.devices+`,`+aTemperature).Parts(c.topic, []byte(c.payload))
		if got := refusedAs(err); got == "" || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s on %.40q: %d parts, skip %v, %v, want %s", c.devices, c.payload, len(parts), skip, err, c.want)
		}
	}
}

// A device without a name does not take the others with it.
func TestPartsWithoutAName(t *testing.T) {
	parts, _, err := parsed(t, `"devices":{"split":"$[*]","id":"$.mac"},`+aTemperature).Parts("", []byte(`[{"mac":"a","t":1},{"t":2},{"mac":"c" ,"t":3}]`))
	if err != nil || len(parts) != 3 || parts[0].Device != "a" || parts[1].Device != noName || parts[2].Device != "c" || string(parts[2].Payload) != `{"mac":"c" ,"t":3}` {
		t.Errorf("%+v, %v", parts, err)
	}
}

func TestCodecInput(t *testing.T) {
	bytes := func(encoding string) string {
		return `"codec":{"script":"x","bytes":"$.b","encoding":"` + encoding + `","port":"$.p"},` + aTemperature
	}
	for _, c := range []struct {
		members, payload, want string
		port                   int
		refused                string
	}{
		{bytes("base64"), `{"b":"+/8="}`, "\xfb\xff", 0, ""}, {bytes("base64"), `{"b":"-_8","p":2}`, "\xfb\xff", 2, ""}, {bytes("base64"), `{"b":"","p":"85"}`, "", 85, ""},
		{bytes("hex"), `{"b":"fBfF"}`, "\xfb\xff", 0, ""},
		{bytes("hex"), `{"b":"f"}`, "", 0, "malformed: codec.bytes $.b is no hex"}, {bytes("base64"), `{"b":"*"}`, "", 0, "malformed: codec.bytes $.b is no base64"},
		{bytes("hex"), `{"b":1}`, "", 0, "no_match: codec.bytes"}, {bytes("hex"), `{}`, "", 0, "no_match: codec.bytes"}, {bytes("hex"), `{"b":"00","p":256}`, "", 0, "malformed: codec.port"},
		{`"codec":{"script":"x"},` + aTemperature, "\x00\xffraw", "\x00\xffraw", 0, ""},
		{`"when":[{"path":"$.k"}],` + bytes("hex"), `{"b":"00"}`, "", 0, "no_match: when $.k"},
	} {
		b, port, err := parsed(t, c.members).CodecInput("", []byte(c.payload))
		if string(b) != c.want || port != c.port || !strings.HasPrefix(refusedAs(err), c.refused) || (c.refused == "") != (err == nil) {
			t.Errorf("%s: %x port %d %v, want %x port %d %q", c.payload, b, port, err, c.want, c.port, c.refused)
		}
	}
	if _, _, err := parsed(t, aTemperature).CodecInput("", []byte("{}")); err == nil {
		t.Error("a profile without a codec gave it something")
	}
}

func TestCodecReads(t *testing.T) {
	p := parsed(t, `"codec":{"script":"x"},"each":"$.data.log","time":{"from":"$.at","as":"s","of":"reading"},"readings":[{"quantity":"temperature","from":"$.t"},{"quantity":"battery","from":"$.b","of":"message"}]`)
	r, err := p.Read("", []byte(`{"b":50}`), []byte(`{"data":{"log":[{"t":1,"at":1796008800},{"t":2,"at":1796008860}]}}`), receivedMS)
	if want := `[{"battery":50,"temperature":1,"time":"2026-11-30T03:20:00.000Z"},{"battery":50,"temperature":2,"time":"2026-11-30T03:21:00.000Z"}]`; err != nil || string(r.Reads) != want {
		t.Errorf("%s, %v, want %s", r.Reads, err, want)
	}
	r, err = p.Read("", []byte{1, 2, 0xff}, []byte(`{"data":{"log":{"t":1}}}`), receivedMS)
	if want := `{"temperature":1}`; err != nil || string(r.Reads) != want {
		t.Errorf("of bytes: %s, %v, want %s", r.Reads, err, want)
	}
}

func TestFlaws(t *testing.T) {
	p := parsed(t, `"time":{"from":"$.at","as":"ms"},"sequence":{"from":"$.n"},"readings":[{"quantity":"temperature","from":"$.t","errors":["85","n/a"]},{"quantity":"door","from":"$.d","values":{"auf":"1","zu":"0"}},{"quantity":"lat","from":"$.l","separator":"|","field":1}]`)
	for in, want := range map[string]string{
		`{"t":85.0}`: `{"temperature":"85.0 (error value)"}`, `{"t":"n/a"}`: `{"temperature":"n/a (error value)"}`, `{"t":[1]}`: `{"temperature":"a list or an object"}`,
		`{"t":"4,5"}`: `{"temperature":"4,5 (no number)"}`, `{"t":" 4.5 "}`: `{"temperature":4.5}`, `{"t":""}`: `{"temperature":" (no number)"}`, `{"t":1e999}`: `{"temperature":"1e999 (too large)"}`,
		`{"t":"` + strings.Repeat("9", 70) + `x"}`: `{"temperature":"` + strings.Repeat("9", 40) + `… (no number)"}`, `{"t":2000}`: `{"temperature":2000}`, `{"t":1E-7}`: `{"temperature":1e-7}`,
		`{"d":"auf"}`: `{"door":1}`, `{"d":false}`: `{"door":0}`, `{"d":"?"}`: `{"door":"? (no number)"}`, `{"d":1}`: `{"door":1}`,
		`{"l":"1|2|3"}`: `{"lat":2}`, `{"l":"1"}`: `{"lat":"1 (no such field)"}`,
		`{"t":1,"at":"soon"}`: `{"temperature":1,"time":"soon (not a time, ms)"}`, `{"t":1,"at":"2026-11-30T03:20:00Z"}`: `{"temperature":1,"time":"2026-11-30T03:20:00Z (not a time, ms)"}`,
		`{"t":1,"at":{}}`: `{"temperature":1,"time":"a list or an object"}`, `{"t":1,"at":null}`: `{"temperature":1}`,
		`{"t":1,"n":"x\"<"}`: `{"seq":"x\"\u003c (no counter)","temperature":1}`, `{"t":1,"n":-1}`: `{"seq":"-1 (no counter)","temperature":1}`, `{"d":1,"n":"7"}`: `{"door":1,"seq":7}`,
		`{"d":1,"t":1,"n":7}`: `{"door":1,"seq":7,"temperature":1}`,
	} {
		r, err := p.Read("", []byte(in), nil, receivedMS)
		if err != nil || string(r.Reads) != want {
			t.Errorf("%.80s: %s, %v, want %s", in, r.Reads, err, want)
			continue
		}
		checkLaws(t, p, "", Part{Payload: []byte(in)}, nil, receivedMS, r)
	}
}

func TestCheck(t *testing.T) {
	p := found(t, "thingsboard-device@1")
	payload := []byte(`{"ts":1796008800000,"values":{"temperature":4.2}}`)
	good := telemetry.Envelope{Tracker: "T", Profile: p.Hash(), Topic: "v2/t", Payload: payload, Reads: []byte(`{"temperature":4.2,"time":"2026-11-30T03:20:00.000Z"}`)}
	if err := p.Check(&good, receivedMS); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(e *telemetry.Envelope){
		"another value":       func(e *telemetry.Envelope) { e.Reads = []byte(`{"temperature":4.3,"time":"2026-11-30T03:20:00.000Z"}`) },
		"the same, otherwise": func(e *telemetry.Envelope) { e.Reads = []byte(`{"time":"2026-11-30T03:20:00.000Z","temperature":4.2}`) },
		"another payload":     func(e *telemetry.Envelope) { e.Payload = []byte(`{"values":{"temperature":4.2}}`) },
		"nothing in it":       func(e *telemetry.Envelope) { e.Payload = []byte(`{}`) },
		"a topic to skip":     func(e *telemetry.Envelope) { e.Topic = "v2/a" },
		"another topic":       func(e *telemetry.Envelope) { e.Topic = "x" },
		"decoded":             func(e *telemetry.Envelope) { e.Decoded = []byte(`{}`) },
	} {
		e := good
		change(&e)
		if err := p.Check(&e, receivedMS); !errors.Is(err, ErrDiffers) {
			t.Errorf("%s: %v, want ErrDiffers", name, err)
		}
	}
	other := good
	other.Profile[0]++
	if err := p.Check(&other, receivedMS); err == nil || errors.Is(err, ErrDiffers) {
		t.Errorf("another profile: %v, want an error that is not ErrDiffers", err)
	}
}
