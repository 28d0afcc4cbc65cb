package run

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/codec"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// hostileScripts take what they can get.
var hostileScripts = []string{
	`function decodeUplink() { for (;;); }`,
	`function decodeUplink() { return {data: {t: 'x'.repeat(2 ** 40).length}} }`,
	`function decodeUplink() { var a = []; for (;;) a.push(new Array(1e6).fill(7)) }`,
	`function f(n) { return f(n + 1) + 1 } function decodeUplink() { return {data: {t: f(0)}} }`,
	`function decodeUplink() { return {data: {t: /^(a+)+\1$/.test('a'.repeat(60) + 'b')}} }`,
	`Object.prototype.t = 4; Array.prototype.toJSON = function () { for (;;); }; function decodeUplink() { return {data: [1]} }`,
}

// sandbox is the program's runner, in short.
type sandbox struct{ pool *codec.Pool }

func (s sandbox) Decode(ctx context.Context, p *profile.Profile, bytes []byte, port int, receivedMS int64) ([]byte, error) {
	decoded, err := s.pool.Decode(ctx, p.Document().Codec, bytes, port, receivedMS)
	if errors.Is(err, codec.ErrScript) || errors.Is(err, codec.ErrLimit) || errors.Is(err, codec.ErrDisabled) {
		return nil, &telemetry.Reject{Reason: telemetry.CodecLimit, Detail: err.Error()}
	}
	return decoded, err
}

// TestHostileCodecsHarmNobody: real scripts in real children, in the middle of a pipeline that takes other trackers' messages. These are all
// acknowledged, ingest's own memory stays as it is, and every hostile message is refused with its reason.
func TestHostileCodecsHarmNobody(t *testing.T) {
	pool := codec.New(codec.Config{})
	defer pool.Close()
	s := newSetup(t, func(c *Config) { c.Codecs = sandbox{pool} })
	for i, script := range hostileScripts {
		p, err := profile.Parse(fmt.Appendf(nil, `{"id":"carrier.bad-%d","version":1,"title":"bad","readings":[{"quantity":"temperature","from":"$.data.t"}],"codec":{"script":%q}}`, i, script))
		if err != nil {
			t.Fatal(err)
		}
		submit(t, s.ledger, ledger.ProfilePublish, ledger.PublishProfileArgs{Document: p.Canonical()})
		id := fmt.Sprintf("carrier.BAD-%d", i)
		submit(t, s.ledger, ledger.TrackerEnrol, ledger.EnrolArgs{ID: id, SecretHash: fmt.Sprintf("%064d", i), Profile: p.Ref()})
		testkit.WaitFor(t, 60*time.Second, id+" is known", func() bool { r, ok := s.registry.Tracker(t.Context(), id); return ok && r.Profile != nil })
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	round := func(n int) (took []time.Duration) {
		for range n {
			began := time.Now()
			s.send(t, 1)
			last := fmt.Sprintf(`"seq":%d`, s.dev.seq-1)
			for !strings.Contains(s.src.lastAck("carrier.T-1"), last) {
				if time.Since(began) > time.Minute {
					t.Fatal("a signed message is not acknowledged within a minute")
				}
				time.Sleep(200 * time.Microsecond) // finer than WaitFor looks
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		return took
	}
	calm := round(40)
	before := heap()
	const each = 12 // more than it takes to be disabled
	for n := range each {
		for i := range hostileScripts {
			s.src.send(telemetry.InTopic(fmt.Sprintf("carrier.BAD-%d", i), "x"), fmt.Appendf(nil, "message %d", n))
		}
	}
	troubled := round(40)
	var saw map[string]uint64
	defer func() { t.Logf("refused: %v", saw) }()
	testkit.WaitFor(t, 2*time.Minute, "every hostile message is refused", func() bool {
		saw = s.Status(t.Context()).Rejected
		return saw[string(telemetry.CodecLimit)] == uint64(each*len(hostileScripts))
	})
	grown := int64(heap()) - int64(before)
	t.Logf("signed messages acknowledged (that is told each 100 ms): median %v, slowest %v; beside hostile codecs %v, %v; heap grown by %d KiB", calm[20], calm[39], troubled[20], troubled[39], grown>>10)
	if grown > 32<<20 {
		t.Errorf("ingest's heap has grown by %d bytes, expected at most 32 MiB", grown)
	}
	s.account(t)
}
