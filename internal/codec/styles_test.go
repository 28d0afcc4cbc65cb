package codec_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/codec"
)

func pool(t testing.TB, cfg codec.Config) *codec.Pool {
	t.Helper()
	p := codec.New(cfg)
	t.Cleanup(p.Close)
	return p
}

func run(t testing.TB, p *codec.Pool, kind, script string, in codec.Input) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := p.Run(ctx, kind, []byte(script), in)
	return string(out), err
}

// Scripts written as the collections' are.
func TestStyles(t *testing.T) {
	p := pool(t, codec.Config{})
	in := codec.Input{Bytes: []byte{0x00, 0xd7, 0x5a}, FPort: 3, RecvMS: 1767605400123, Variables: map[string]string{"offset": "0.5"}}
	const read = "var t = (bytes[0] << 8 | bytes[1]) / 10;"
	for _, c := range []struct{ name, kind, script, want string }{
		{"ttn", codec.TTN, `function decodeUplink(input) { var bytes = input.bytes; ` + read + ` return { data: { temperature: t, port: input.fPort } } }`,
			`{"data":{"port":3,"temperature":21.5}}`},
		{"ttn with warnings", codec.TTN, `function decodeUplink(input) { return { data: { b: 1 }, warnings: ['low battery'], errors: [] } }`, `{"data":{"b":1},"warnings":["low battery"]}`},
		{"normalized", codec.TTN, `function decodeUplink(input) { return { data: { t: 21.5 } } } function normalizeUplink(input) { return { data: { air: { temperature: input.data.t } } } }`,
			`{"data":{"t":21.5},"normalized":[{"air":{"temperature":21.5}}]}`},
		{"normalized list", codec.Auto, `const decodeUplink = (input) => ({ data: { t: 21.5 } }); const normalizeUplink = i => ({ data: [{ air: { temperature: i.data.t } }, {}] })`,
			`{"data":{"t":21.5},"normalized":[{"air":{"temperature":21.5}},{}]}`},
		{"chirpstack 4", codec.ChirpStack, `function decodeUplink(input) { return { data: { t: 1 + Number(input.variables.offset) } } }`, `{"data":{"t":1.5}}`},
		{"chirpstack 3", codec.ChirpStack, `function Decode(fPort, bytes, variables) { return { p: fPort, o: variables.offset } }`, `{"data":{"o":"0.5","p":3}}`},
		{"decoder", codec.Decoder, `function Decoder(bytes, port) { ` + read + ` return { t: t, port: port, n: bytes.length } }`, `{"data":{"n":3,"port":3,"t":21.5}}`},
		{"auto takes the newest", codec.Auto, `function Decoder(b, p) { return { is: 'Decoder' } } function Decode(p, b) { return { is: 'Decode' } } function decodeUplink(i) { return { data: { is: 'decodeUplink' } } }`,
			`{"data":{"is":"decodeUplink"}}`},
		{"module.exports", codec.Auto, `function f(i) { return { data: { n: i.bytes.length } } } module.exports = { decodeUplink: f }`, `{"data":{"n":3}}`},
		{"exports.x", codec.TTN, `exports.decodeUplink = function (i) { return { data: { n: 1 } } }`, `{"data":{"n":1}}`},
		{"export", codec.TTN, "import { Buffer } from 'buffer';\nexport function decodeUplink(input) {\n  return { data: { t: Buffer.from(input.bytes).readInt16BE(0) } };\n}\nexport { decodeUplink as other };", `{"data":{"t":215}}`},
		{"export default", codec.TTN, "export default {\n decodeUplink: function (i) { return { data: { n: 2 } } }\n}", `{"data":{"n":2}}`},
		{"require buffer", codec.TTN, `const { Buffer } = require('buffer'); function decodeUplink(i) { const b = Buffer.from(i.bytes); return { data: { hex: b.toString('hex'), b64: b.toString('base64'), part: b.slice(1).readUInt8(0), le: b.readUInt16LE(0), i: Buffer.from('fffe', 'hex').readIntBE(0, 2) } } }`,
			`{"data":{"b64":"ANda","hex":"00d75a","i":-2,"le":55040,"part":215}}`},
		{"atob", codec.TTN, `function decodeUplink(i) { return { data: { a: atob('YWI='), b: btoa('ab'), t: new TextDecoder().decode(new Uint8Array([0xc3, 0xa4])) } } }`, `{"data":{"a":"ab","b":"YWI=","t":"ä"}}`},
		{"console", codec.TTN, `function decodeUplink(i) { console.log('x', i); return { data: {} } }`, `{"data":{}}`},
		{"byte order mark", codec.TTN, "\ufefffunction decodeUplink(i) { return { data: { a: '<&>' } } }", `{"data":{"a":"<&>"}}`},
		{"frozen clock", codec.TTN, `function decodeUplink(i) { return { data: { now: Date.now(), at: i.recvTime, zone: new Date().getTimezoneOffset(), text: new Date(2026, 0, 5).toISOString() } } }`,
			`{"data":{"at":"2026-01-05T09:30:00.123Z","now":1767605400123,"text":"2026-01-05T00:00:00.000Z","zone":0}}`},
		{"no numbers that are none", codec.TTN, `function decodeUplink(i) { return { data: { a: NaN, b: 1/0, c: -1/0, d: -0, e: undefined, f: 1e21, g: 0.1 + 0.2 } } }`,
			`{"data":{"a":null,"b":null,"c":null,"d":0,"f":1e+21,"g":0.30000000000000004}}`},
		{"no data", codec.TTN, `function decodeUplink(i) { return { warnings: 'nothing there' } }`, `{"data":null,"warnings":["nothing there"]}`},
		{"bytes are an array", codec.TTN, `function decodeUplink(i) { return { data: { a: i.bytes.concat([1]).map(function (b) { return b + 1 }), s: String.fromCharCode.apply(null, i.bytes.slice(2)), f: i.bytes.shift() } } }`,
			`{"data":{"a":[1,216,91,2],"f":0,"s":"Z"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := run(t, p, c.kind, c.script, in)
			if err != nil || got != c.want {
				t.Errorf("got %s, %v; want %s", got, err, c.want)
			}
		})
	}
}

func TestScriptErrors(t *testing.T) {
	p := pool(t, codec.Config{})
	for _, c := range []struct{ name, kind, script, says string }{
		{"errors", codec.TTN, `function decodeUplink(i) { return { errors: ['unknown port', 'short'] } }`, "unknown port; short"},
		{"throws", codec.TTN, `function decodeUplink(i) { throw new RangeError('too short') }`, "RangeError: too short"},
		{"throws at load", codec.TTN, `throw new Error('at load')`, "at load"},
		{"throws nothing", codec.TTN, `function decodeUplink(i) { throw undefined }`, "undefined"},
		{"throws what has no text", codec.TTN, `function decodeUplink(i) { throw { toString: function () { throw 1 } } }`, "no text"},
		{"throws a symbol", codec.TTN, `function decodeUplink(i) { throw Symbol('s') }`, "Symbol"},
		{"throws a proxy", codec.TTN, `function decodeUplink(i) { throw new Proxy({}, { get: function () { throw 2 }, has: function () { throw 3 } }) }`, "no text"},
		{"throws lines", codec.TTN, `function decodeUplink(i) { throw new Error("a\nlevel=ERROR msg=forged\u2028x") }`, "a level=ERROR"},
		{"throws much", codec.TTN, `function decodeUplink(i) { throw new Error('x'.repeat(100000)) }`, "x …"},
		{"no function", codec.TTN, `var x = 1`, "none of the functions"},
		{"other kind", codec.TTN, `function Decoder(b, p) { return {} }`, "none of the functions"},
		{"no script", codec.TTN, `function decodeUplink( {`, "does not compile"},
		{"empty", codec.Auto, ``, "none of the functions"},
		{"number", codec.Decoder, `function Decoder(b, p) { return 5 }`, "no object"},
		{"nothing", codec.TTN, `function decodeUplink(i) { }`, "no object"},
		{"promise", codec.TTN, `async function decodeUplink(i) { return { data: {} } }`, "promise"},
		{"bigint", codec.TTN, `function decodeUplink(i) { return { data: { a: 10n } } }`, "TypeError"},
		{"circle", codec.TTN, `function decodeUplink(i) { var a = {}; a.a = a; return { data: a } }`, "TypeError"},
		{"deep output", codec.TTN, `function decodeUplink(i) { var a = {}; for (var n = 0; n < 100; n++) a = { a: a }; return { data: a } }`, "no JSON"},
		{"normalizer", codec.TTN, `function decodeUplink(i) { return { data: {} } } function normalizeUplink(i) { return { errors: ['no'] } }`, "no"},
		{"other module", codec.TTN, `var fs = require('fs'); function decodeUplink(i) { return { data: {} } }`, "no module fs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := run(t, p, c.kind, c.script, codec.Input{Bytes: []byte{1}})
			if !errors.Is(err, codec.ErrScript) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %s, %v; want %v with %q", got, err, codec.ErrScript, c.says)
			}
			if len(err.Error()) > 400 || strings.ContainsAny(err.Error(), "\n\u2028") {
				t.Errorf("the error may not stand in a log line: %q", err)
			}
		})
	}
}
