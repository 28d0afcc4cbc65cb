package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// outsiders are members with nodes of their own that are no party.
var outsiders = []string{"shipper", "auditor"}

// listens collects what a member's API tells of everything that happens, until the test ends it.
func (a *api) listens(ctx context.Context) (heard func() string) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+"/v1/stream", nil)
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+a.bearer())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		a.t.Fatalf("the events of %s: %s", a.org, resp.Status)
	}
	done := make(chan string, 1)
	go func() {
		raw, _ := io.ReadAll(resp.Body) // its end is the test's
		resp.Body.Close()
		done <- string(raw)
	}()
	return func() string { return <-done }
}

// nothingOf fails when a member that is no party shows anything of a shipment by its API, its database, its programs' logs or their metrics.
func (s *stack) nothingOf(t *testing.T, org, shipment string, secrets map[string][]byte) {
	t.Helper()
	a := s.api(t, org)
	look := func(where string, shown []byte, known ...string) {
		t.Helper()
		for what, secret := range secrets {
			if slices.Contains(known, what) {
				continue
			}
			for _, form := range testkit.Traces(secret) {
				if bytes.Contains(shown, form) {
					t.Errorf("%s of %s show the %s as %q", where, org, what, form)
				}
			}
		}
	}
	for _, path := range []string{"/v1/shipments?limit=200", "/v1/trackers?limit=200", "/v1/anchors?limit=200", "/v1/heads", "/v1/network", "/v1/members", "/v1/rule-sets", "/metrics"} {
		known := ""
		if path == "/v1/members" { // each announces where its API is, and the issuer is there
			known = "issuer"
		}
		look(path, a.raw(path, http.StatusOK), known)
	}
	for _, part := range []string{"", "/telemetry", "/messages", "/compliance", "/handovers", "/verification", "/evidence?nonce=00", "/stream", "/close"} {
		look(part, a.raw("/v1/shipments/"+shipment+part, http.StatusNotFound), "shipment")
	}
	for _, token := range []string{s.Influx[org].APIToken} {
		for _, q := range []string{"SHOW SERIES", "SELECT * FROM rejected", "SELECT * FROM anomaly", "SELECT * FROM quality"} {
			code, body := read(t, s.Influx[org], token, q)
			if code != http.StatusOK {
				t.Errorf("the database of %s answers %s with %d %.200s", org, q, code, body)
			}
			look(q, []byte(body))
		}
	}
	for _, program := range []string{"api-", "influxdb-", "chaincode-", "peer-"} {
		raw, err := os.ReadFile(filepath.Join(s.Dir, "logs", program+org+".log"))
		if err != nil {
			t.Fatal(err)
		}
		// A request for it by its name is in the log with the path.
		look("the log "+program+org, raw, "shipment")
	}
}

// raw is an answer as it is.
func (a *api) raw(path string, want int) []byte {
	a.t.Helper()
	req, err := http.NewRequest(http.MethodGet, a.base+path, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+a.bearer())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	if resp.StatusCode != want {
		a.t.Errorf("%s of %s: %s, expected %d", path, a.org, resp.Status, want)
	}
	return raw
}

// TestStackSecrecy takes goods from carrier to consignee on the real network, warm on the way, and reads all blocks as the shipper's peer, who
// is no party, has them: nothing that a party wrote is there, nor where the goods were. What members show that are no party, by API, events,
// database, logs and metrics, has no byte of it, and does not tell that it is there.
func TestStackSecrecy(t *testing.T) {
	s := load(t)
	l := openLedger(t)
	carrier, consignee := s.api(t, "carrier"), s.api(t, "consignee")
	outsider := l.op("shipper")
	height := func() uint64 {
		nodes, err := outsider.Network(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var h uint64
		for _, n := range nodes {
			if n.Role == "peer" && n.Org == "shipper" {
				h = n.Height
			}
		}
		return h
	}
	first := height()
	listening, hush := context.WithCancel(t.Context())
	defer hush()
	heard := map[string]func() string{}
	for _, org := range outsiders {
		heard[org] = s.api(t, org).listens(listening)
	}
	id := name("secret")
	path := "/v1/shipments/" + id
	secret := func(what string) string { return what + " " + id[len(id)-10:] }
	goods, from, to, lot, note, reason, loading, decided := secret("vaccines"), secret("Basel"), secret("Oslo"), secret("LOT"), secret("seal"), secret("wet"), secret("loading"), secret("too warm")
	const lat, lon = 47.5596713, 7.5885761

	carrier.post("/v1/shipments", map[string]any{"id": id, "rule_set": "general-2-8@1", "parties": map[string][]string{"carrier": {"carrier"}, "consignee": {"consignee"}},
		"description": goods, "origin": from, "destination": to, "lot": lot}, nil)
	tr := enrolOwn(t, s, carrier, id+"-t")
	carrier.post(path+"/assignments", map[string]any{"tracker": tr.id}, nil)
	now := time.Now().UnixMilli()
	tr.publish(tr.readings(telemetry.Reading{TimeMS: now, Values: map[string]float64{"temperature": 40, "lat": lat, "lon": lon}}))
	var recorded struct {
		Recorded []struct {
			ID       string `json:"id"`
			Verified bool   `json:"verified"`
		} `json:"recorded"`
	}
	eventually(t, 2*time.Minute, "the peers have verified a breach", func() (bool, string) {
		carrier.get(path+"/compliance", &recorded)
		for _, x := range recorded.Recorded {
			if x.Verified {
				return true, ""
			}
		}
		return false, fmt.Sprintf("%+v", recorded)
	})
	excursion := "/excursions/" + url.PathEscape(recorded.Recorded[0].ID) + "/acknowledgements"
	carrier.postSoon(path+"/handovers", map[string]any{"to": "consignee", "note": note})
	consignee.postSoon(path+"/handovers/current/reject", map[string]any{"reason": reason})
	consignee.postSoon(path+excursion, map[string]any{"meaning": "reviewed", "reason": loading})
	consignee.postSoon(path+"/disposition", map[string]any{"decision": "quarantine", "meaning": "responsibility", "reason": decided, "verdict_by": "carrier", "verdict_revision": 1})

	// Each party sees what the other wrote.
	var seen struct{ Description, Origin, Destination, Lot string }
	eventually(t, time.Minute, "the consignee sees the goods", func() (bool, string) {
		consignee.get(path, &seen)
		return seen.Description == goods && seen.Origin == from && seen.Destination == to && seen.Lot == lot, fmt.Sprintf("%+v", seen)
	})
	var told struct {
		Items []struct {
			Note, Reason string
		}
	}
	eventually(t, time.Minute, "the carrier sees why it was rejected", func() (bool, string) {
		carrier.get(path+"/handovers", &told)
		return len(told.Items) == 1 && told.Items[0].Note == note && told.Items[0].Reason == reason, fmt.Sprintf("%+v", told)
	})

	last := height()
	if last <= first {
		t.Fatalf("no block between %d and %d", first, last)
	}
	position := func(v float64) []byte { return binary.BigEndian.AppendUint64(nil, math.Float64bits(v)) }
	secrets := map[string][]byte{"latitude": position(lat), "longitude": position(lon), "client": []byte("consignee-admin"), "issuer": []byte(s.api(t, "consignee").base)}
	for _, text := range []string{goods, from, to, lot, note, reason, loading, decided} {
		secrets[text] = []byte(text)
	}
	found := false
	for n := first; n < last; n++ {
		block, err := outsider.BlockByNumber(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		found = found || bytes.Contains(block, []byte(ledger.ShipmentCreate.Name())) && bytes.Contains(block, []byte(id))
		for what, secret := range secrets {
			for _, form := range testkit.Traces(secret) {
				if bytes.Contains(block, form) {
					t.Errorf("block %d holds the %s as %q", n, what, form)
				}
			}
		}
	}
	if !found {
		t.Errorf("blocks %d to %d do not hold the shipment", first, last)
	}
	// Its own ids and bytes are on the ledger, and outsiders' nodes show nothing of them.
	message := carrier.raw("/v1/shipments/"+id+"/messages?limit=1", http.StatusOK)
	var page struct{ Items []messageItem }
	if err := json.Unmarshal(message, &page); err != nil || len(page.Items) != 1 {
		t.Fatalf("the carrier's message: %v, %s", err, message)
	}
	secrets["shipment"], secrets["tracker"], secrets["log"] = []byte(id), []byte(tr.id), []byte(page.Items[0].Log)
	hush()
	for _, org := range outsiders {
		s.nothingOf(t, org, id, secrets)
		told := heard[org]()
		for what, secret := range secrets {
			if strings.Contains(told, string(secret)) {
				t.Errorf("the events of %s tell the %s", org, what)
			}
		}
	}
}
