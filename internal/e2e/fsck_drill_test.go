package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// said is one line of what fsck or verify store print.
type said struct {
	What     string  `json:"what"`
	Log      string  `json:"log"`
	Subject  string  `json:"subject"`
	Leaf     *uint64 `json:"leaf"`
	To       uint64  `json:"to"`
	Head     *uint64 `json:"head"`
	Detail   string  `json:"detail"`
	Findings int     `json:"findings"`
	Messages int     `json:"messages"`
}

// lines runs a command that prints lines of JSON.
func linesOf(t *testing.T, program string, args ...string) (all []said, code int) {
	t.Helper()
	cmd := exec.Command(program, append(args, "--json")...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	code = exitCode(t, err)
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		var s said
		if line == "" {
			continue
		}
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		t.Logf("%s %v: exit %d\n%s", filepath.Base(program), args, code, errs.String())
	}
	return all, code
}

// TestDrillFsck damages the operator's InfluxDB while ingest is down. fsck names what is damaged. It mends what it can by itself, and the
// rest from the evidence that another party's API gave: then the operator's own evidence verifies again. verify store, which asks nobody,
// agrees about the operator's database and about a member's copy.
func TestDrillFsck(t *testing.T) {
	s := load(t)
	policy := s.policy(t)
	carrier, consignee := s.api(t, "carrier"), s.api(t, "consignee")
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "verify"), "./verify")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	write := func(name string, raw []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	rules, err := json.Marshal(policy)
	if err != nil {
		t.Fatal(err)
	}
	policyFile := write("policy.json", rules)

	tr := enrolOwn(t, s, carrier, name("FS"))
	tr.publish(tr.message(telemetry.Data))
	p := begin(t, s, tr, name("fsck"), "carrier", "consignee")
	for range 2 {
		for range 5 {
			p.send(tr.message(telemetry.Data))
		}
		p.anchored()
	}
	p.copied("consignee")
	log := p.messages()[0].Log
	bundle := write("trip.tsb", consignee.download("/v1/shipments/"+p.id+"/evidence"))

	// What verify store needs: the newest anchors of the instance that wrote the log.
	heads := s.influxQL(t, `SELECT * FROM head WHERE "log"='`+log+`'`)
	if len(heads) < 2 {
		t.Fatalf("%d heads of the log, want 2", len(heads))
	}
	headsID := fmt.Sprint(heads[0]["heads"])
	var newest struct{ N uint64 }
	for _, h := range all[struct {
		Heads string `json:"heads"`
		N     uint64 `json:"n"`
	}](carrier, "/v1/heads") {
		if h.Heads == headsID {
			newest.N = max(newest.N, h.N)
		}
	}
	anchors := write("anchors.tsb", consignee.download(fmt.Sprintf("/v1/heads/%s/evidence?from=%d", headsID, newest.N-min(newest.N, 20))))
	verifyStore := func(org string, more ...string) ([]said, int) {
		t.Helper()
		in := s.Influx[org]
		args := append([]string{"store", "--influx", in.URL, "--database", in.Bucket, "--token-file", in.TokenFile, "--policy", policyFile, "--anchors", anchors, "--shipment", p.id}, more...)
		if s.CA != "" {
			args = append(args, "--ca", s.CA)
		}
		return linesOf(t, filepath.Join(dir, "verify"), args...)
	}
	if found, code := verifyStore("consignee", "--copy"); code != 0 {
		t.Errorf("the consignee's copy: exit %d, %+v", code, found)
	}
	if _, code := linesOf(t, filepath.Join(s.Dir, "bin", "ingest"), "fsck", "--config", s.config(), "--repair"); code != 2 {
		t.Errorf("fsck beside a running ingest: exit %d, want 2", code)
	}

	if live, code := linesOf(t, filepath.Join(s.Dir, "bin", "ingest"), "fsck", "--config", s.config(), "--store-only"); code > 1 || slices.ContainsFunc(live, func(f said) bool { return f.Log == log }) {
		t.Errorf("fsck of the store alone beside a running ingest: exit %d, %+v", code, live)
	}

	fsck := func(more ...string) ([]said, int) {
		t.Helper()
		begun := time.Now()
		found, code := linesOf(t, filepath.Join(s.Dir, "bin", "ingest"), append([]string{"fsck", "--config", s.config()}, more...)...)
		t.Logf("fsck %v: exit %d after %s", more, code, time.Since(begun).Round(time.Millisecond))
		return found, code
	}
	ours := func(found []said) (of []said) {
		for _, f := range found {
			if f.Log == log && f.What != "repair" {
				of = append(of, f)
			}
		}
		return of
	}
	s.withoutIngest(t, func() {
		before, _ := fsck()
		if found := ours(before); len(found) > 0 {
			t.Fatalf("findings before the damage: %+v", found)
		}

		// Messages 4 to 7 are lost with their readings. One reading is edited, one added. A head is lost.
		messages := s.influxQL(t, `SELECT * FROM message WHERE "log"='`+log+`'`)
		readings := s.influxQL(t, `SELECT * FROM reading WHERE "log"='`+log+`'`)
		if len(messages) != 10 || len(readings) != 10 {
			t.Fatalf("%d messages and %d readings, want 10", len(messages), len(readings))
		}
		s.influxQL(t, fmt.Sprintf(`DELETE FROM message WHERE "log"='%s' AND time >= %v AND time <= %v`, log, messages[4]["time"], messages[7]["time"]))
		s.influxQL(t, fmt.Sprintf(`DELETE FROM reading WHERE "log"='%s' AND time >= %v AND time <= %v`, log, readings[4]["time"], readings[7]["time"]))
		s.influxQL(t, fmt.Sprintf(`DELETE FROM head WHERE "log"='%s' AND time = %v`, log, heads[len(heads)-1]["time"]))
		s.influxWrite(t, fmt.Sprintf("reading,log=%s,tracker=%s,era=0 temperature=-40 %v", log, tr.id, readings[1]["time"]))
		s.influxWrite(t, fmt.Sprintf("reading,log=%s,tracker=%s,era=0 leaf=2i,temperature=2 1790000000123000002", log, tr.id))
		has := func(what string, found []said, leaf uint64, to uint64, detail string) {
			t.Helper()
			if !slices.ContainsFunc(found, func(f said) bool {
				return f.Leaf != nil && *f.Leaf == leaf && f.To == to && strings.Contains(f.Detail, detail)
			}) {
				t.Errorf("%s: nothing of leaf %d to %d with %q in %+v", what, leaf, to, detail, found)
			}
		}
		damaged, code := fsck()
		if code != 1 {
			t.Errorf("fsck of the damage: exit %d, want 1", code)
		}
		has("fsck", damaged, 4, 8, "missing")
		has("fsck", damaged, 1, 0, "temperature is -40")
		has("fsck", damaged, 2, 0, "has none at that time")
		if !slices.ContainsFunc(damaged, func(f said) bool { return f.Head != nil && strings.Contains(f.Detail, "missing") }) {
			t.Errorf("no missing head in %+v", damaged)
		}
		alone, code := verifyStore("carrier")
		if code != 1 {
			t.Errorf("verify store of the damage: exit %d, want 1", code)
		}
		has("verify store", alone, 4, 8, "missing")

		// Alone, all but the lost messages is mended.
		left, code := fsck("--repair")
		if code != 1 {
			t.Errorf("without evidence the messages are still lost, exit %d", code)
		}
		has("after the first repair", left, 4, 8, "missing")
		left, code = fsck()
		if found := ours(left); code != 1 || len(found) != 1 {
			t.Errorf("after the first repair: exit %d, %+v", code, found)
		}
		repaired, _ := fsck("--repair", "--from", bundle)
		after, _ := fsck()
		if found := ours(after); len(found) > 0 || len(after) > len(before) {
			t.Errorf("after the repair: %+v\nwhich did: %+v", after, repaired)
		}
		if _, code := verifyStore("carrier"); code != 0 && len(before) == 1 {
			t.Errorf("verify store of the mended store: exit %d", code)
		}
	})

	eventually(t, 60*time.Second, "the operator's own evidence verifies", func() (bool, string) {
		var v verification
		carrier.get("/v1/shipments/"+p.id+"/verification", &v)
		r, err := evidence.Verify(strings.NewReader(string(carrier.download("/v1/shipments/"+p.id+"/evidence"))), policy, evidence.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return v.OK && r.Verdicts.Authentic == evidence.Pass && r.Verdicts.Anchored == evidence.Pass && r.Facts.Messages == uint64(p.sent), fmt.Sprintf("%+v, %+v", v.findings(), r.Findings)
	})
	tr.device.Close()
	tr.connect(s)
	p.send(tr.message(telemetry.Data))
	p.anchored()
}

// config of the operator's ingest.
func (s *stack) config() string { return filepath.Join(s.Dir, "ingest-carrier", "config.yaml") }
