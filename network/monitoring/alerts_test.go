package monitoring

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
)

// cases are, for each alert, series under which it fires and series under which it must not: one a minute, for half an hour.
var cases = map[string]struct{ fires, healthy string }{
	"TracksealDown":             {`up{job="trackseal"} 0x30`, `up{job="trackseal"} 1x30`},
	"TracksealNotReady":         {`trackseal_ready{what="stores"} 0x30`, `trackseal_ready{what="stores"} 1x30`},
	"TracksealJournalDisagrees": {`trackseal_anchor_disagrees 1x30`, `trackseal_anchor_disagrees 0x30`},
	"TracksealAnchorsWait":      {`trackseal_anchor_lag_seconds 0+60x30`, `trackseal_anchor_lag_seconds 0x10 9x20`},
	"TracksealStoreWaits":       {`trackseal_store_lag_seconds 0+60x30`, `trackseal_store_lag_seconds 0x10 9x20`},
	"TracksealJournalFills": {"trackseal_journal_bytes 80x30\ntrackseal_journal_max_bytes 100x30",
		"trackseal_journal_bytes 10x30\ntrackseal_journal_max_bytes 100x30"},
	"TracksealDiskFills":           {`trackseal_journal_free_bytes 500000000x30`, `trackseal_journal_free_bytes 5000000000x30`},
	"TracksealRefuses":             {`trackseal_messages_rejected_total{reason="bad_login"} 0+100x30`, `trackseal_messages_rejected_total{reason="bad_login"} 0+1x30`},
	"TracksealQuarantineDrops":     {`trackseal_quarantine_dropped_total 0+1x30`, `trackseal_quarantine_dropped_total 7x30`},
	"TracksealNodeUnreachable":     {`trackseal_ledger_node_up{org="shipper",role="peer"} 0x30`, `trackseal_ledger_node_up{org="shipper",role="peer"} 1x30`},
	"TracksealNodeBehind":          {"trackseal_ledger_node_height{org=\"a\"} 100x30\ntrackseal_ledger_node_height{org=\"b\"} 50x30", "trackseal_ledger_node_height{org=\"a\"} 100x30\ntrackseal_ledger_node_height{org=\"b\"} 98x30"},
	"TracksealReplicaLags":         {`trackseal_replica_lag_seconds 0+60x30`, `trackseal_replica_lag_seconds 4x30`},
	"TracksealReplicaFinds":        {`trackseal_replica_findings 1x30`, `trackseal_replica_findings 0x30`},
	"TracksealVerificationFinds":   {`trackseal_api_verification_findings_total{check="hash"} 0x20 1x10`, `trackseal_api_verification_findings_total{check="hash"} 3x30`},
	"TracksealSilence":             {`trackseal_alarms{kind="shipment_silent"} 1x30`, `trackseal_alarms{kind="battery_low"} 1x30`},
	"TracksealTrackersNeedCare":    {`trackseal_alarms{kind="clock_off"} 2x30`, `trackseal_alarms{kind="clock_off"} 0x30`},
	"TracksealCertificateEndsSoon": {`trackseal_certificate_seconds{of="fabric"} 864000-60x30`, `trackseal_certificate_seconds{of="fabric"} 31536000-60x30`},
}

func read(t *testing.T) map[string]rulefmt.Rule {
	t.Helper()
	data, err := os.ReadFile("alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	groups, problems := rulefmt.Parse(data, false, model.UTF8Validation)
	for _, err := range problems {
		t.Fatal(err)
	}
	rules := map[string]rulefmt.Rule{}
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			rules[r.Alert] = r
		}
	}
	return rules
}

// TestAlerts: each alert fires on its condition, for as long as it waits, and not on the healthy one.
func TestAlerts(t *testing.T) {
	rules := read(t)
	for name := range cases {
		if _, ok := rules[name]; !ok {
			t.Errorf("%s is tried and is no rule", name)
		}
	}
	for name, r := range rules {
		c, ok := cases[name]
		if !ok {
			t.Errorf("%s is not tried", name)
			continue
		}
		if r.Annotations["summary"] == "" || r.Labels["severity"] == "" {
			t.Errorf("%s has no summary or no severity", name)
		}
		wait := time.Duration(r.For)
		if got := holds(t, c.fires, r.Expr, wait); !got {
			t.Errorf("%s does not fire after %s of\n%s", name, wait, c.fires)
		}
		if got := holds(t, c.healthy, r.Expr, 0); got {
			t.Errorf("%s fires on\n%s", name, c.healthy)
		}
	}
}

// holds says whether an expression has a result at the end of half an hour, and had all the time that an alert waits before that.
func holds(t *testing.T, series, expr string, wait time.Duration) bool {
	t.Helper()
	load := "load 1m\n"
	for _, line := range strings.Split(series, "\n") {
		load += "  " + line + "\n"
	}
	storage := promqltest.LoadedStorage(t, load)
	defer storage.Close()
	engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
	end := time.Unix(0, 0).Add(25 * time.Minute)
	for at := end; !at.Before(end.Add(-wait)); at = at.Add(-time.Minute) {
		q, err := engine.NewInstantQuery(context.Background(), storage, promql.NewPrometheusQueryOpts(false, 0), expr, at)
		if err != nil {
			t.Fatalf("%s: %v", expr, err)
		}
		v, err := q.Exec(context.Background()).Vector()
		q.Close()
		if err != nil {
			t.Fatalf("%s: %v", expr, err)
		}
		if len(v) == 0 {
			return false
		}
	}
	return true
}
