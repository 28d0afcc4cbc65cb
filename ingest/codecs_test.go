package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/trackseal/trackseal/internal/codec"
	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/telemetry"
)

func TestMain(m *testing.M) {
	codec.ChildMain() // the test's own program is the codec's, too
	os.Exit(m.Run())
}

// Ensure that a profile's codec runs in the child process, and that what it does wrong is told by its reason.
func TestCodecs(t *testing.T) {
	pool := codec.New(codec.Config{})
	t.Cleanup(pool.Close)
	decode := func(ctx context.Context, script string) ([]byte, error) {
		t.Helper()
		p, err := profile.Parse(fmt.Appendf(nil, `{"id":"test.p","version":1,"title":"t","readings":[{"quantity":"temperature","from":"$.data.t"}],"codec":{"script":%q}}`, script))
		if err != nil {
			t.Fatal(err)
		}
		return codecs{pool}.Decode(ctx, p, []byte{1, 2}, 3, 1_796_000_000_000)
	}
	got, err := decode(t.Context(), `function decodeUplink(i) { return {data: {t: i.bytes[0] + i.bytes[1] / 10, port: i.fPort}} }`)
	if err != nil || string(got) != `{"data":{"port":3,"t":1.2}}` {
		t.Errorf("decoded %s, %v", got, err)
	}
	for script, want := range map[string]telemetry.Reason{
		`function decodeUplink(i) { throw new Error("broken") }`: telemetry.CodecFailed,
		`function decodeUplink(i) { for (;;); }`:                 telemetry.CodecLimit,
	} {
		_, err := decode(t.Context(), script)
		if r, ok := errors.AsType[*telemetry.Reject](err); !ok || r.Reason != want {
			t.Errorf("%s: %v, expected %s", script, err, want)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := decode(ended, `function decodeUplink(i) { return {data: {}} }`); err == nil {
		t.Error("decoded after the end")
	} else if _, ok := errors.AsType[*telemetry.Reject](err); ok {
		t.Errorf("the end is the script's fault: %v", err)
	}
}
