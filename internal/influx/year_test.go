package influx_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// TestYearOfWindows measures what the windows of a year's trip cost: two trackers, a reading each minute, all quantities.
func TestYearOfWindows(t *testing.T) {
	if os.Getenv("TRACKSEAL_BENCH") == "" {
		t.Skip("set TRACKSEAL_BENCH=1 to measure")
	}
	d := testkit.StartInfluxd(t)
	c := open(t, d)
	const readings, windows = 365 * 24 * 60, 600
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	b := c.NewBatch()
	write := func() {
		if err := b.Write(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.Reset()
	}
	for i := range uint64(2 * readings) {
		b.Reading("aa", fmt.Sprint("T-", i%2), i, base+int64(i/2)*60_000, len(telemetry.Quantities), func(q int) (string, float64) {
			return telemetry.Quantities[q].Name, float64((i*uint64(q+7)+i*i%13)%1000) / 10
		})
		if b.Points() == 5000 {
			write()
		}
	}
	write()
	q := stored.ReadingsQuery{Logs: []string{"aa"}}
	// As ingest does, hour by hour, while the trip lasts. The last days are not summed up yet.
	summed := q
	summed.ToMS = base + 363*24*3_600_000
	if err := c.Windows(t.Context(), summed, time.Hour, func(w stored.Window) error { b.Summary("aa", &w); return nil }); err != nil {
		t.Fatal(err)
	}
	write()
	const every = (readings/60/windows + 1) * time.Hour
	best, most := time.Hour, 0.0
	for range 3 {
		before := memory(t, d.PID(), "VmRSS")
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", d.PID()), []byte("5"), 0); err != nil { // the high-water mark begins again
			t.Fatal(err)
		}
		n, count, at := 0, int64(0), time.Now()
		if err := c.Windows(t.Context(), q, every, func(w stored.Window) error {
			n++
			count += w.Count["temperature"]
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		best, most = min(best, time.Since(at)), max(most, memory(t, d.PID(), "VmHWM")-before)
		if count != 2*readings || n < 2*windows-40 {
			t.Fatalf("%d windows of %d readings, want about %d windows of all %d", n, count, 2*windows, 2*readings)
		}
	}
	fmt.Printf("figure telemetry_year_windows_memory %.0f MiB\n", most)
	fmt.Printf("figure telemetry_year_windows_time %.2f s\n", best.Seconds())
}

// memory of a process in MiB.
func memory(t *testing.T, pid int, what string) float64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(what + `:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		t.Fatalf("no %s in %s", what, status)
	}
	kib, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib / 1024
}
