package chaos

import (
	"strings"
	"testing"
)

func TestFootprint(t *testing.T) {
	before, err := readFootprint(strings.NewReader("# HELP go_goroutines n\ngo_goroutines 80\nprocess_open_fds 40\nprocess_resident_memory_bytes 1.048576e+08\nprocess_start_time_seconds 1.5e+09\n"))
	if want := (footprint{run: "1.5e+09", goroutines: 80, files: 40, memory: 100 << 20}); err != nil || before != want {
		t.Fatalf("got %+v, %v; want %+v", before, err, want)
	}
	for name, c := range map[string]struct {
		change func(*footprint)
		want   string
	}{
		"the same":        {func(*footprint) {}, ""},
		"a little more":   {func(f *footprint) { f.goroutines, f.files, f.memory = 200, 150, 300<<20 }, ""},
		"goroutines":      {func(f *footprint) { f.goroutines = 500 }, "500 goroutines, 80 before"},
		"files":           {func(f *footprint) { f.files = 300 }, "300 open files, 40 before"},
		"memory":          {func(f *footprint) { f.memory = 900 << 20 }, "900 MiB of memory, 100 before"},
		"another process": {func(f *footprint) { f.goroutines, f.run = 500, "1.6e+09" }, ""},
	} {
		after := before
		c.change(&after)
		if got := after.grown(before); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
