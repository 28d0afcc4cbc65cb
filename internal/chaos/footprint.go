package chaos

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// footprint is what a program of ours holds, by its own metrics.
type footprint struct {
	run        string // another one after a restart
	goroutines float64
	files      float64
	memory     float64
}

// footprints of ingest and the APIs; a program that does not answer has none.
func (s *Stack) footprints(ctx context.Context) map[string]footprint {
	at := map[string]string{"ingest": s.file.Ingest[0].URL}
	for org, a := range s.file.API {
		at["api-"+org] = a.URL
	}
	all := map[string]footprint{}
	for name, url := range at {
		if f, err := s.footprint(ctx, url+"/metrics"); err == nil {
			all[name] = f
		}
	}
	return all
}

func (s *Stack) footprint(ctx context.Context, url string) (f footprint, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return f, err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return f, err
	}
	defer resp.Body.Close()
	return readFootprint(resp.Body)
}

func readFootprint(metrics io.Reader) (f footprint, err error) {
	lines := bufio.NewScanner(metrics)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		into := map[string]*float64{"go_goroutines": &f.goroutines, "process_open_fds": &f.files, "process_resident_memory_bytes": &f.memory}[name]
		if name == "process_start_time_seconds" {
			f.run = value
		}
		if into == nil {
			continue
		}
		if *into, err = strconv.ParseFloat(value, 64); err != nil {
			return f, fmt.Errorf("%s: %w", name, err)
		}
	}
	return f, lines.Err()
}

// grown says what a program holds more than before by far, when it is the same run of it: what a fault has left behind.
func (f footprint) grown(before footprint) string {
	if f.run != before.run {
		return ""
	}
	var more []string
	for _, c := range []struct {
		what      string
		was, is   float64
		tolerated float64
	}{
		{"goroutines", before.goroutines, f.goroutines, 100},
		{"open files", before.files, f.files, 100},
		{"MiB of memory", before.memory / (1 << 20), f.memory / (1 << 20), 256},
	} {
		if c.is > 1.5*c.was+c.tolerated {
			more = append(more, fmt.Sprintf("%.0f %s, %.0f before", c.is, c.what, c.was))
		}
	}
	return strings.Join(more, "; ")
}

// shrinks waits until no program holds far more than before the row, and names those that do.
func (s *Stack) shrinks(ctx context.Context, before map[string]footprint, bound time.Duration) []string {
	var grown []string
	_ = until(ctx, bound, "programs hold what they held before", func() error { // what is left is told
		grown = nil
		for name, is := range s.footprints(ctx) {
			if was, ok := before[name]; ok {
				if more := is.grown(was); more != "" {
					grown = append(grown, name+" has "+more)
				}
			}
		}
		if grown != nil {
			return fmt.Errorf("%v", grown)
		}
		return nil
	})
	return grown
}
