package monitoring

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/util/teststorage"
)

// scraped are the metrics that our programs have, as Prometheus would hold them after half an hour: tests of ingest and api write the files
// from their own registries (-update), and fail when the files do not have what the program has.
type scraped struct {
	*teststorage.TestStorage
	engine *promql.Engine
	at     time.Time
}

func scrape(t *testing.T) scraped {
	t.Helper()
	s := scraped{teststorage.New(t), promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery), time.Unix(1800, 0)}
	t.Cleanup(func() { s.Close() })
	for instance, file := range map[string]string{"127.0.0.1:8070": "testdata/ingest.prom", "127.0.0.1:8080": "testdata/api.prom"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s.load(t, instance, append(text, "up 1\n"...))
	}
	return s
}

func (s scraped) load(t *testing.T, instance string, text []byte) {
	t.Helper()
	app := s.Appender(t.Context())
	p := textparse.NewPromParser(bytes.TrimSuffix(text, []byte("\n")), labels.NewSymbolTable(), false)
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if entry != textparse.EntrySeries {
			continue
		}
		var l labels.Labels
		p.Labels(&l)
		_, _, v := p.Series()
		l = labels.NewBuilder(l).Set("job", "trackseal").Set("instance", instance).Labels()
		for at := s.at.Add(-30 * time.Minute); !at.After(s.at); at = at.Add(time.Minute) {
			if _, err := app.Append(0, l, at.UnixMilli(), v); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
}

// ask evaluates an expression at the end.
func (s scraped) ask(expr string) (promql.Vector, error) {
	q, err := s.engine.NewInstantQuery(context.Background(), s, promql.NewPrometheusQueryOpts(false, 0), expr, s.at)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	v, err := q.Exec(context.Background()).Vector()
	return append(promql.Vector(nil), v...), err
}

var legendLabel = regexp.MustCompile(`\{\{(\w+)\}\}`)

// TestDashboard: every query of the dashboard of operation has an answer on what is really scraped, with the labels that its legend names.
func TestDashboard(t *testing.T) {
	data, err := os.ReadFile("../../dashboards/grafana/operation.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string `json:"title"`
			Targets []struct {
				Expr   string `json:"expr"`
				Legend string `json:"legendFormat"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal(data, &board); err != nil || len(board.Panels) == 0 {
		t.Fatalf("%d panels, %v", len(board.Panels), err)
	}
	s := scrape(t)
	for _, p := range board.Panels {
		if len(p.Targets) == 0 {
			t.Errorf("%s: no query", p.Title)
		}
		for _, target := range p.Targets {
			v, err := s.ask(strings.ReplaceAll(target.Expr, "$__rate_interval", "5m"))
			if err != nil || len(v) == 0 {
				t.Errorf("%s: %s has %d samples, %v; want one or more", p.Title, target.Expr, len(v), err)
			}
			for _, sample := range v {
				for _, l := range legendLabel.FindAllStringSubmatch(target.Legend, -1) {
					if !sample.Metric.Has(l[1]) {
						t.Errorf("%s: the legend %s names %s, which %s does not have", p.Title, target.Legend, l[1], sample.Metric)
					}
				}
			}
		}
	}
}

// TestAlertsAskForWhatIsScraped: each metric that an alert names, with the labels that it asks for, is there.
func TestAlertsAskForWhatIsScraped(t *testing.T) {
	s := scrape(t)
	for name, rule := range read(t) {
		expr, err := parser.ParseExpr(rule.Expr)
		if err != nil {
			t.Fatal(err)
		}
		parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
			if of, ok := n.(*parser.VectorSelector); ok {
				if v, err := s.ask(of.String()); err != nil || len(v) == 0 {
					t.Errorf("%s: %s has %d samples, %v; want one or more", name, of, len(v), err)
				}
			}
			return nil
		})
	}
}

// TestDocsNameWhatIsScraped: so is each that docs/operate/monitoring.md names.
func TestDocsNameWhatIsScraped(t *testing.T) {
	text, err := os.ReadFile("../../docs/operate/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	s := scrape(t)
	for _, name := range regexp.MustCompile("`(trackseal_[a-z_]+)`").FindAllStringSubmatch(string(text), -1) {
		if v, err := s.ask(name[1]); err != nil || len(v) == 0 {
			t.Errorf("%s has %d samples, %v; want one or more", name[1], len(v), err)
		}
	}
}
