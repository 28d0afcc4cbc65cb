package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// Each of two instances serves one half of the partitions.
const (
	firstHalf  = "00-7f"
	secondHalf = "80-ff"
)

// in gives an id, made of one, whose messages go to a half of the partitions.
func in(half, id string) string {
	for i := 0; ; i++ {
		some := fmt.Sprintf("%s-%d", id, i)
		if (telemetry.Partition(some) < "80") == (half == firstHalf) {
			return some
		}
	}
}

// halve leaves the second half of the partitions to another instance, until the test ends.
func halve(t *testing.T, s *stack) {
	t.Helper()
	override := filepath.Join(s.Dir, "override", "ingest-carrier.yaml")
	if err := os.MkdirAll(filepath.Dir(override), 0o700); err != nil {
		t.Fatal(err)
	}
	carrier := openLedger(t).op("carrier")
	t.Cleanup(func() {
		if err := os.Remove(override); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		serving, err := ledger.ServingOf(ctx, carrier, carrier.MSP())
		if err == nil {
			all := []ledger.Range{{From: 0, To: ledger.MaxPartition}}
			_, _, err = ledger.PartitionClaim.Do(ctx, carrier, ledger.ClaimArgs{Ingest: s.Ingest[0].ID, Ranges: all, Epoch: serving.Epoch, Take: true})
		}
		if err != nil {
			t.Errorf("give the partitions back: %v", err)
		}
		s.network(t, "up", "--no-fleet")
	})
	if err := os.WriteFile(override, []byte("partitions: "+firstHalf+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.network(t, "up", "--no-fleet")
}

// secondIngest runs another ingest instance of the carrier beside the stack's, with the second half of the partitions, its own broker, journal and heads log.
func secondIngest(t *testing.T, s *stack) (second *stack, kill func()) {
	t.Helper()
	halve(t, s)
	raw, err := os.ReadFile(filepath.Join(s.Dir, "ingest-carrier", "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	dir, broker, listen := t.TempDir(), testkit.FreeAddr(t), testkit.FreeAddr(t)
	text, id := string(raw), name("ingest-two")
	for pattern, with := range map[string]string{
		`(?m)^id: .*$`: "id: " + id, `(?m)^dir: .*$`: "dir: " + dir, `(?m)^http: .*$`: "http: " + listen, `(?m)^  listen: .*$`: "  listen: " + broker,
		`(?m)^partitions: .*$`: "partitions: " + secondHalf,
	} {
		re := regexp.MustCompile(pattern)
		if !re.MatchString(text) {
			t.Fatalf("the stack's configuration of ingest has no line %s:\n%s", pattern, text)
		}
		text = re.ReplaceAllString(text, with)
	}
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(s.Dir, "bin", "ingest"), "--config", config)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	kill = func() {
		if !killed {
			killed = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	carrier := openLedger(t).op("carrier")
	t.Cleanup(func() {
		kill()
		// Or every shipment of the stack would wait for its seal.
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if _, _, err := ledger.AnchorRetire.Do(ctx, carrier, ledger.RetireArgs{Ingest: id}); err != nil && ledger.CodeOf(err) != ledger.NotFound {
			t.Errorf("retire %s: %v", id, err)
		}
		if b, err := os.ReadFile(log.Name()); t.Failed() && err == nil {
			t.Logf("the second ingest's log:\n%s", b[max(0, len(b)-8000):])
		}
		if err := log.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	other := *s
	other.MQTT = "tcp://" + broker
	other.Ingest = slices.Clone(s.Ingest)
	other.Ingest[0].ID, other.Ingest[0].URL = id, "http://"+listen
	return &other, kill
}

// knows waits until an ingest has heard of an assignment: an earlier message goes to the tracker's own log.
func (s *stack) knows(t *testing.T, shipment, tracker string) {
	t.Helper()
	by := openLedger(t).op("carrier")
	eventually(t, 60*time.Second, "ingest knows the assignment", func() (bool, string) {
		code, body := s.node(t, by, http.MethodGet, "/v1/shipments/"+shipment+"/trackers/"+tracker)
		return code == http.StatusOK && strings.Contains(body, "true"), body
	})
}

// measure publishes readings of one temperature, a minute apart, from a time on.
func (o *ownTracker) measure(fromMS int64, n int, celsius float64) (nextMS int64) {
	o.t.Helper()
	for range n {
		o.claims.Kind, o.claims.TimeMS = telemetry.Data, fromMS
		raw, err := telemetry.Encode(o.signer, o.claims, []telemetry.Reading{{TimeMS: fromMS, Values: map[string]float64{"temperature": celsius}}})
		if err != nil {
			o.t.Fatal(err)
		}
		m, err := telemetry.Decode(raw)
		if err != nil {
			o.t.Fatal(err)
		}
		o.claims.Prev, o.claims.Seq = m.COSEHash, o.claims.Seq+1
		o.publish(raw)
		fromMS += 60_000
	}
	return fromMS
}

// TestStackTwoInstances: trackers of one shipment publish to two ingest instances. Every verdict on the ledger is over both logs,
// as far as they had leaves; what one instance found stands after the other's data, and after its judge was killed.
func TestStackTwoInstances(t *testing.T) {
	s := load(t)
	carrier := s.api(t, "carrier")
	second, kill := secondIngest(t, s)
	id := name("TWO")
	path := "/v1/shipments/" + id
	cool, warm := enrolOwn(t, s, carrier, in(firstHalf, id+"-cool")), enrolOwn(t, second, carrier, in(secondHalf, id+"-warm"))
	carrier.post("/v1/shipments", map[string]any{"id": id, "rule_set": "general-2-8@1", "parties": map[string][]string{"carrier": {"carrier"}, "shipper": {"shipper"}, "consignee": {"consignee"}}}, nil)
	start := time.Now().Add(-2 * time.Hour)
	for _, o := range []*ownTracker{cool, warm} {
		carrier.post(path+"/assignments", map[string]any{"tracker": o.id, "from": start.UTC().Format("2006-01-02T15:04:05.000Z")}, nil)
	}
	s.knows(t, id, cool.id)
	second.knows(t, id, warm.id)
	type revision struct {
		By       string           `json:"by"`
		Revision int              `json:"revision"`
		Result   string           `json:"result"`
		Reasons  []string         `json:"reasons"`
		Logs     []ledger.LogHead `json:"logs"`
	}
	var judged struct {
		Verdict    string     `json:"verdict"`
		Revisions  []revision `json:"revisions"`
		Excursions []struct {
			ID string `json:"id"`
		} `json:"excursions"`
	}
	newest := func() revision {
		if _, err := carrier.call("GET", path+"/compliance", nil, &judged); err != nil {
			return revision{}
		}
		// The other parties' nodes judge their own copies.
		judged.Revisions = slices.DeleteFunc(judged.Revisions, func(r revision) bool { return r.By != "carrier" })
		if len(judged.Revisions) == 0 {
			return revision{}
		}
		return judged.Revisions[len(judged.Revisions)-1]
	}
	await := func(what string, ok func(revision) bool) {
		t.Helper()
		eventually(t, 90*time.Second, what, func() (bool, string) {
			r := newest()
			return ok(r), fmt.Sprintf("newest revision %+v, now %s", r, judged.Verdict)
		})
	}

	warmAt := warm.measure(start.UnixMilli(), 20, 30)
	await("the second instance's breach is on the ledger", func(r revision) bool { return r.Result == ledger.NonCompliant && len(r.Logs) == 1 })
	coolAt := cool.measure(start.UnixMilli(), 20, 5)
	coolAt = cool.measure(coolAt, 10, 30)
	await("the first instance's breach is on the ledger, over both logs", func(r revision) bool { return r.Result == ledger.NonCompliant && len(r.Logs) == 2 })
	warmAt = warm.measure(warmAt, 10, 5)
	warm.measure(warmAt, 5, 30)
	await("the second instance goes on, over both logs", func(r revision) bool {
		n := uint64(0)
		for _, l := range r.Logs {
			n += l.Size
		}
		return len(r.Logs) == 2 && n >= 60
	})

	kill()
	before := newest()
	coolAt = cool.measure(coolAt, 10, 5)
	cool.measure(coolAt, 5, 31)
	await("the first instance goes on alone, over both logs", func(r revision) bool {
		return r.Revision > before.Revision && ledger.Covers(r.Logs, before.Logs) == nil
	})
	for i, r := range judged.Revisions {
		if r.Result != ledger.NonCompliant || strings.Contains(strings.Join(r.Reasons, " "), warm.id+" never reported") {
			t.Errorf("revision %d says %s %q of %+v, want non_compliant", r.Revision, r.Result, r.Reasons, r.Logs)
		}
		if i > 0 {
			if err := ledger.Covers(r.Logs, judged.Revisions[i-1].Logs); err != nil {
				t.Errorf("revision %d after %d: %v", r.Revision, i, err)
			}
		}
	}
	if judged.Verdict != ledger.NonCompliant {
		t.Errorf("the API judges %s, want %s as on the ledger", judged.Verdict, ledger.NonCompliant)
	}
}
