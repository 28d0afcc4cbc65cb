package testkit

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Exposition requires that a registry has the metrics of Trackseal, by name and names of labels, that a file in Prometheus's text format has.
// The dashboard and the alert rules are tried on these files. With write the file is made anew.
func Exposition(t testing.TB, from prometheus.Gatherer, file string, write bool) {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&text, f); err != nil {
			t.Fatal(err)
		}
	}
	if write {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; run with -update", err)
	}
	has, wanted := shapes(t, text.Bytes()), shapes(t, want)
	for _, s := range has {
		if !slices.Contains(wanted, s) {
			t.Errorf("the program has the metric %s, and %s has not; run with -update", s, file)
		}
	}
	for _, s := range wanted {
		if !slices.Contains(has, s) {
			t.Errorf("%s has the metric %s, and the program has not; run with -update, and see what the dashboard and the alerts make of it", file, s)
		}
	}
}

// shapes of the metrics of Trackseal: name{label,…}.
func shapes(t testing.TB, text []byte) []string {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for name, f := range families {
		if !strings.HasPrefix(name, "trackseal_") {
			continue
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName())
			}
			all = append(all, name+"{"+strings.Join(labels, ",")+"}")
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
