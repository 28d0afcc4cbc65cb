package codec_test

import (
	"errors"
	"testing"

	"github.com/trackseal/trackseal/internal/codec"
	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// What a codec is to blame for disproves; what may be this machine's fault does not.
func TestRunner(t *testing.T) {
	pool := codec.New(codec.Config{Children: 1})
	run := pool.Runner(t.Context())
	for _, c := range []struct {
		name, script, want string
		refused            bool
	}{
		{"decodes", `function decodeUplink(i) { return { data: { t: i.bytes[0], p: i.fPort, v: i.variables.x, at: Date.now() } } }`, `{"data":{"at":1767605400000,"p":2,"t":21,"v":"y"}}`, false},
		{"fails", `function decodeUplink(i) { throw new Error('no') }`, "", true},
		{"endless", `function decodeUplink(i) { for (;;) {} }`, "", false},
	} {
		got, err := run(&profile.Codec{Script: c.script, Variables: map[string]string{"x": "y"}}, []byte{21}, 2, 1767605400000)
		_, refused := errors.AsType[*telemetry.Reject](err)
		if string(got) != c.want || refused != c.refused || (err == nil) != (c.want != "") {
			t.Errorf("%s: got %s, %v; want %s, refused %v", c.name, got, err, c.want, c.refused)
		}
	}
	pool.Close()
	_, err := run(&profile.Codec{Script: "x"}, nil, 1, 1)
	if _, refused := errors.AsType[*telemetry.Reject](err); err == nil || refused {
		t.Errorf("without a pool: %v", err)
	}
}
