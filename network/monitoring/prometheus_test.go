package monitoring

import (
	"log/slog"
	"testing"

	"github.com/prometheus/prometheus/config"
)

// TestScrapeConfigurations: Prometheus takes the example, and what `network up` renders for a stack with TLS.
func TestScrapeConfigurations(t *testing.T) {
	for file, scheme := range map[string]string{"prometheus.yml": "http", "../internal/render/testdata/tls/prometheus.yml": "https"} {
		c, err := config.LoadFile(file, false, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if len(c.ScrapeConfigs) != 1 || c.ScrapeConfigs[0].JobName != "trackseal" || c.ScrapeConfigs[0].Scheme != scheme || len(c.RuleFiles) != 1 {
			t.Errorf("%s: came %+v, want the job trackseal over %s and the alerts", file, c.ScrapeConfigs, scheme)
		}
	}
}
