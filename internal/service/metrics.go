package service

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/trackseal/trackseal/internal/version"
)

// NewMetrics has what every program with metrics tells of itself: its build, its process, and Go's runtime.
func NewMetrics() *prometheus.Registry {
	b := version.Of()
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "trackseal_build_info", Help: "Which build runs; always 1.",
		ConstLabels: prometheus.Labels{"version": b.Version, "revision": b.Revision, "go_version": b.Go}})
	build.Set(1)
	r := prometheus.NewRegistry()
	r.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Certificate is the metric that says how long a certificate of this program is good for yet; of says which one. What cannot be read is -1.
func Certificate(of string, ends func() (time.Time, error), now func() time.Time) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "trackseal_certificate_seconds", Help: "Time until a certificate of this program ends.", ConstLabels: prometheus.Labels{"of": of},
	}, func() float64 {
		end, err := ends()
		if err != nil {
			return -1
		}
		return end.Sub(now()).Seconds()
	})
}
