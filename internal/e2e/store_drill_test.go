package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// TestDrillOlderStore puts the operator's InfluxDB, one peer and one orderer back from a backup, beside a journal that went on. Nothing stops:
// ingest goes on in the same life, and the nodes learn from the others. fsck names what InfluxDB lacks, takes what another party's evidence has,
// and goes on naming what nobody has.
func TestDrillOlderStore(t *testing.T) {
	s := load(t)
	policy := s.policy(t)
	carrier, consignee := s.api(t, "carrier"), s.api(t, "consignee")
	dir, book := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "book")
	tr := enrolOwn(t, s, carrier, name("OS"))
	tr.publish(tr.message(telemetry.Data))
	p := begin(t, s, tr, name("older"), "carrier", "consignee")
	p.send(tr.message(telemetry.Data), tr.message(telemetry.Data))
	p.anchored()
	s.network(t, "backup", dir)

	// What came after the backup: of a tracker on no shipment, which only its owner has, and of a shipment that another party has.
	alone := enrolOwn(t, s, carrier, name("OS"))
	alone.publish(alone.message(telemetry.Data))
	p.send(tr.message(telemetry.Data), tr.message(telemetry.Data), tr.message(telemetry.Data))
	p.anchored()
	p.copied("consignee")
	log, life := p.messages()[0].Log, lastLife(t, s)
	bundle := filepath.Join(t.TempDir(), "trip.tsb")
	if err := os.WriteFile(bundle, consignee.download("/v1/shipments/"+p.id+"/evidence"), 0o600); err != nil {
		t.Fatal(err)
	}

	s.network(t, "down")
	t.Log(s.network(t, "restore", dir, "--only", "influxdb-carrier,peer-shipper,orderer-shipper", "--yes"))
	t.Cleanup(func() { os.RemoveAll(filepath.Join(s.Dir, "replaced")) })
	s.network(t, "up", "--no-fleet")
	if out, code := s.sim(t, 3*time.Minute, "load", "--trackers", "4", "--rate", "40", "--duration", "3s", "--journal", book); code != 0 {
		t.Errorf("a load beside the hole: exit %d\n%s", code, out)
	}
	tr.device.Close()
	tr.connect(s)
	tr.publish(tr.message(telemetry.Data))
	p.sent++
	once := func(when string) {
		t.Helper()
		eventually(t, time.Minute, "all of the load is stored and anchored, once, "+when, func() (bool, string) {
			a := s.account(t, book)
			return a.Anchored == a.Acked && a.Acked > 100 && a.Lost+a.Doubled+a.Phantom+a.Unlogged+a.LeafErrors == 0, fmt.Sprintf("%+v", a)
		})
	}
	once("before the repair")
	s.level(t)
	for _, org := range []string{"carrier", "shipper"} {
		eventually(t, time.Minute, "the network is well", func() (bool, string) {
			n := s.health(t, org)
			return n.OK && len(n.Unknown) == 0, fmt.Sprintf("by %s: %+v", org, n)
		})
	}
	if now := lastLife(t, s); now != life {
		t.Errorf("ingest anchors as %s, want that it goes on as %s", now, life)
	}

	fsck := func(want int, more ...string) []said {
		t.Helper()
		begun := time.Now()
		found, code := linesOf(t, filepath.Join(s.Dir, "bin", "ingest"), append([]string{"fsck", "--config", s.config()}, more...)...)
		t.Logf("fsck %v: exit %d after %s", more, code, time.Since(begun).Round(time.Millisecond))
		if code != want {
			t.Errorf("fsck %v: exit %d, want %d: %+v", more, code, want, found)
		}
		return found
	}
	missing := func(found []said, subject string, from, to uint64) bool {
		return slices.ContainsFunc(found, func(f said) bool {
			return f.Subject == subject && f.Leaf != nil && *f.Leaf == from && f.To == to && strings.Contains(f.Detail, "missing")
		})
	}
	s.withoutIngest(t, func() {
		hole := fsck(1)
		if !missing(hole, p.id, 2, 5) || !missing(hole, alone.id, 0, 1) {
			t.Errorf("fsck names no leaves 2 to 5 of %s, or no leaf 0 of %s: %+v", p.id, alone.id, hole)
		}
		repaired := fsck(1, "--repair", "--from", bundle)
		left := fsck(1)
		if !missing(left, alone.id, 0, 1) || slices.ContainsFunc(left, func(f said) bool { return f.Log == log }) {
			t.Errorf("after the repair, want no finding about %s and leaf 0 of %s still missing: %+v\nthe repair: %+v", p.id, alone.id, left, repaired)
		}
	})

	eventually(t, time.Minute, "the operator's own evidence verifies", func() (bool, string) {
		var v verification
		carrier.get("/v1/shipments/"+p.id+"/verification", &v)
		r, err := evidence.Verify(bytes.NewReader(carrier.download("/v1/shipments/"+p.id+"/evidence")), policy, evidence.Options{})
		if err != nil {
			return false, err.Error()
		}
		return v.OK && r.Verdicts.Authentic == evidence.Pass && r.Verdicts.Anchored == evidence.Pass && r.Facts.Messages == uint64(p.sent), fmt.Sprintf("%+v, %+v", v.findings(), r.Findings)
	})
	p.copied("consignee")
	once("after it")
}
