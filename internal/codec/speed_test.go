//go:build unix

package codec_test

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/codec"
)

// TestCallsPerCore is a figure of make bench: calls of a codec with a normalizer, as the collections have them, for a second of processor
// time of both processes.
func TestCallsPerCore(t *testing.T) {
	if os.Getenv("TRACKSEAL_BENCH") == "" {
		t.Skip("a measurement: set TRACKSEAL_BENCH")
	}
	const script = `function decodeUplink(input) {
		var b = input.bytes, data = {}, i = 0;
		while (i < b.length) {
			switch (b[i]) {
				case 1: data.temperature = ((b[i + 1] << 24 >> 16) | b[i + 2]) / 100; i += 3; break;
				case 2: data.humidity = b[i + 1] / 2; i += 2; break;
				case 3: data.battery = (b[i + 1] << 8 | b[i + 2]) / 1000; i += 3; break;
				default: return { errors: ['unknown channel ' + b[i]] };
			}
		}
		return { data: data, warnings: data.battery < 3 ? ['low battery'] : [] };
	}
	function normalizeUplink(input) { return { data: { air: { temperature: input.data.temperature, relativeHumidity: input.data.humidity }, battery: input.data.battery } } }`
	used := func() time.Duration {
		var all time.Duration
		for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
			var u syscall.Rusage
			if err := syscall.Getrusage(who, &u); err != nil {
				t.Fatal(err)
			}
			all += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
		return all
	}
	p := codec.New(codec.Config{Children: 1})
	defer p.Close()
	before, calls := used(), 0
	for began := time.Now(); time.Since(began) < 5*time.Second; calls++ {
		in := codec.Input{Bytes: []byte{1, 0x08, byte(calls), 2, 90, 3, 0x0e, 0x10}, FPort: 2, RecvMS: 1767605400000}
		if _, err := p.Run(t.Context(), codec.TTN, []byte(script), in); err != nil {
			t.Fatal(err)
		}
	}
	p.Close() // the child's time counts once it has ended
	fmt.Printf("figure codec_calls %.0f calls/s\n", float64(calls)/(used()-before).Seconds())
}
