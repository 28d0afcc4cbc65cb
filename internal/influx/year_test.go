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

// EnvYear makes TestYearOfWindows run: it writes for minutes.
const envYear = "TRACKSEAL_YEAR"

// TestYearOfWindows measures what a report of a year's trip costs InfluxDB: two trackers, a reading each minute, all quantities.
func TestYearOfWindows(t *testing.T) {
	if os.Getenv(envYear) == "" {
		t.Skipf("set %s=1 to measure", envYear)
	}
	d := testkit.StartInfluxd(t)
	c := open(t, d)
	const readings, windows = 365 * 24 * 60, 600
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	b := c.NewBatch()
	for i := range uint64(2 * readings) {
		b.Reading("aa", fmt.Sprint("T-", i%2), i, base+int64(i/2)*60_000, len(telemetry.Quantities), func(q int) (string, float64) {
			return telemetry.Quantities[q].Name, float64((i*uint64(q+7)+i*i%13)%1000) / 10
		})
		if b.Points() == 5000 || i == 2*readings-1 {
			if err := b.Write(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.Reset()
		}
	}
	every := time.Duration(readings/windows+1) * time.Minute
	for range 3 {
		before := memory(t, d.PID(), "VmRSS")
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", d.PID()), []byte("5"), 0); err != nil { // the high-water mark begins again
			t.Fatal(err)
		}
		n, at := 0, time.Now()
		if err := c.Windows(t.Context(), stored.ReadingsQuery{Logs: []string{"aa"}}, every, func(w stored.Window) error {
			n++
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		took := time.Since(at)
		if n < 2*windows-2 || n > 2*windows+2 {
			t.Fatalf("%d windows, want about %d", n, 2*windows)
		}
		fmt.Printf("figure telemetry_year_windows_memory %.0f MiB (of %.0f)\n", memory(t, d.PID(), "VmHWM")-before, before)
		fmt.Printf("figure telemetry_year_windows_time %.2f s\n", took.Seconds())
	}
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
