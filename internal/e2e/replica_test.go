package e2e

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// read runs a query with a token at an InfluxDB, and gives the status and the answer.
func read(t *testing.T, in influxOf, tokenFile, q string) (int, string) {
	t.Helper()
	token, err := os.ReadFile(tokenFile)
	if err != nil {
		t.Fatal(err)
	}
	user, password, _ := strings.Cut(strings.TrimSpace(string(token)), ":")
	db, _, _ := strings.Cut(in.Bucket, "/")
	req, err := http.NewRequest("POST", in.URL+"/query", strings.NewReader(url.Values{"db": {db}, "q": {q}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(user, password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}

// copied waits until a member's own copy of a shipment has so many messages, all anchored, and verifies.
func (p *trip) copied(org string) {
	p.t.Helper()
	a := p.s.api(p.t, org)
	eventually(p.t, 60*time.Second, org+" has a copy", func() (bool, string) {
		list := all[messageItem](a, "/v1/shipments/"+p.id+"/messages?limit=1000")
		return len(list) == p.sent && list[len(list)-1].Status == "anchored", fmt.Sprintf("%d of %d", len(list), p.sent)
	})
	var v verification
	a.get("/v1/shipments/"+p.id+"/verification", &v)
	if !v.OK {
		p.t.Errorf("verification at the %s: %+v", org, v.findings())
	}
}

// TestStackReplica: each member reads its own database, which has its own shipments and no byte of another's, and what it has is enough when
// the operator's machine is gone.
func TestStackReplica(t *testing.T) {
	s := load(t)
	policy := s.policy(t)
	carrier, shipper := s.api(t, "carrier"), s.api(t, "shipper")
	tr := enrolOwn(t, s, carrier, name("RE"))
	tr.publish(tr.message(telemetry.Data))
	theirs := begin(t, s, tr, name("replica-theirs"), "carrier", "consignee")
	theirs.send(tr.message(telemetry.Data), tr.message(telemetry.Data))
	theirs.anchored()
	theirs.end()
	theirs.copied("consignee")
	ours := begin(t, s, tr, name("replica-ours"), "carrier", "shipper", "consignee")
	for range 3 {
		ours.send(tr.message(telemetry.Data), tr.message(telemetry.Data))
		ours.anchored()
	}
	ours.copied("shipper")
	ours.copied("consignee")

	t.Run("nothing of others", func(t *testing.T) {
		log := theirs.messages()[0].Log
		for _, q := range []string{
			`SELECT * FROM message WHERE shipment = '` + theirs.id + `'`, `SELECT * FROM message WHERE log = '` + log + `'`,
			`SELECT * FROM reading WHERE log = '` + log + `'`, `SELECT * FROM head WHERE log = '` + log + `'`, `SELECT * FROM summary WHERE log = '` + log + `'`,
			`SELECT * FROM anomaly WHERE shipment = '` + theirs.id + `'`,
		} {
			if code, body := read(t, s.Influx["consignee"], s.Influx["consignee"].APIToken, q); code != 200 || strings.Contains(q, "message") && !strings.Contains(body, log) {
				t.Errorf("the consignee, a party, asks %s: %d %.200s", q, code, body)
			}
			for _, token := range []string{s.Influx["shipper"].APIToken, s.Influx["shipper"].TokenFile} {
				if code, body := read(t, s.Influx["shipper"], token, q); code != 200 || strings.Contains(body, "series") {
					t.Errorf("the shipper's own database answers %s with %d %.300s", q, code, body)
				}
				for _, org := range []string{"carrier", "consignee", "auditor"} {
					if code, body := read(t, s.Influx[org], token, q); code != 401 {
						t.Errorf("the shipper's token at the %s's database: %d %.300s", org, code, body)
					}
				}
			}
		}
		if code, _ := shipper.call("GET", "/v1/shipments/"+theirs.id+"/telemetry", nil, nil); code != 404 {
			t.Errorf("the shipper's API answers %d for a shipment of others", code)
		}
		raw, err := os.ReadFile(filepath.Join(s.Dir, "api-shipper", "config.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, org := range []string{"carrier", "consignee", "auditor"} {
			if bytes.Contains(raw, []byte("influxdb-"+org)) || bytes.Contains(raw, []byte(s.Influx[org].URL)) {
				t.Errorf("the shipper's API is told of the %s's database", org)
			}
		}
	})

	ours.end()
	tr.publish(tr.message(telemetry.Data)) // after both
	nonce := []byte("asked of the shipper")
	bundle := "/v1/shipments/" + ours.id + "/evidence?nonce=" + hex.EncodeToString(nonce)
	passes := func() (bool, string) {
		r, err := evidence.Verify(bytes.NewReader(shipper.download(bundle)), policy, evidence.Options{Nonce: nonce})
		if err != nil {
			t.Fatal(err)
		}
		return r.Exit() == evidence.ExitPass && r.Facts.Messages == uint64(ours.sent), fmt.Sprintf("%+v %v", r.Verdicts, r.Findings)
	}
	eventually(t, 60*time.Second, "the shipper's evidence passes", passes)

	t.Run("without the operator", func(t *testing.T) {
		now := s.processes(t)
		for _, name := range []string{"ingest-carrier", "api-carrier", "influxdb-carrier"} {
			pid := now[name].PID
			if pid == 0 {
				t.Fatalf("%s does not run", name)
			}
			if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			defer syscall.Kill(pid, syscall.SIGCONT)
		}
		items := all[telemetryItem](shipper, "/v1/shipments/"+ours.id+"/telemetry?limit=1000")
		if len(items) != ours.sent {
			t.Errorf("%d readings, %d were sent", len(items), ours.sent)
		}
		if ok, saw := passes(); !ok {
			t.Errorf("evidence without the operator: %s", saw)
		}
		var n struct {
			OK     bool
			Copies []struct {
				Ingest   string
				Findings []any
			}
		}
		shipper.get("/v1/network", &n)
		// Copies of operators that were there in an earlier test stay.
		if !slices.ContainsFunc(n.Copies, func(c struct {
			Ingest   string
			Findings []any
		}) bool {
			return c.Ingest == s.Ingest[0].ID
		}) || n.OK {
			t.Errorf("the network as the shipper sees it: %+v", n)
		}
	})
	eventually(t, 60*time.Second, "the operator answers again: what does not answer for long is restarted", func() (bool, string) {
		code, err := carrier.call("GET", "/v1/shipments/"+ours.id+"/telemetry?limit=1", nil, nil)
		return code == 200, fmt.Sprintf("%d, %v", code, err)
	})
	eventually(t, 60*time.Second, "the copy goes on", func() (bool, string) {
		var n struct {
			Copies []struct {
				Ingest   string
				OK       bool
				Findings []any
			}
		}
		shipper.get("/v1/network", &n)
		for _, c := range n.Copies {
			if c.Ingest == s.Ingest[0].ID {
				return c.OK && len(c.Findings) == 0, fmt.Sprintf("%+v", n)
			}
		}
		return false, fmt.Sprintf("%+v", n)
	})
}
