package e2e

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/node"
)

// node asks the first ingest instance with a member's identity, nil = nobody's.
func (s *stack) node(t *testing.T, by node.Identity, method, path string) (code int, body string) {
	t.Helper()
	in := s.Ingest[0]
	return s.nodeAt(t, &node.Transport{Identity: by, Audience: in.ID, Through: http.DefaultTransport, Now: time.Now}, method, in.URL+path)
}

func (s *stack) nodeAt(t *testing.T, through *node.Transport, method, url string) (code int, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := http.DefaultClient
	if through.Identity != nil {
		client = &http.Client{Transport: through}
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, err.Error()
	}
	return resp.StatusCode, string(raw)
}

// On the real network: whoever has no part in a shipment does not see that it is there, and nobody seals one that is on its way.
func TestStackAttackAnothersNode(t *testing.T) {
	s := load(t)
	l := openLedger(t)
	carrier := s.api(t, "carrier")
	id := name("node")
	carrier.post("/v1/shipments", map[string]any{"id": id, "rule_set": "general-2-8@1",
		"parties": map[string][]string{"carrier": {"carrier"}, "shipper": {"shipper"}, "consignee": {"consignee"}}}, nil)
	tr := enrolOwn(t, s, carrier, id+"-t")
	carrier.post("/v1/shipments/"+id+"/assignments", map[string]any{"tracker": tr.id}, nil)
	tr.measure(time.Now().UnixMilli(), 1, 4)
	logs, seal := "/v1/logs?shipment="+id, "/v1/shipments/"+id+"/seal"
	eventually(t, time.Minute, "the shipper's node sees the shipment's log", func() (bool, string) {
		code, body := s.node(t, l.op("shipper"), http.MethodGet, logs)
		return code == http.StatusOK && strings.Contains(body, `"size":1`), body
	})
	for what, c := range map[string]struct {
		by           node.Identity
		method, path string
		want         int
	}{
		"nobody lists logs":                    {nil, "GET", logs, 401},
		"an outsider lists logs":               {l.op("auditor"), "GET", logs, 404},
		"an outsider asks for an assignment":   {l.op("auditor"), "GET", "/v1/shipments/" + id + "/trackers/" + tr.id, 404},
		"an outsider seals":                    {l.op("auditor"), "POST", seal, 404},
		"the shipper seals":                    {l.op("shipper"), "POST", seal, 403},
		"the carrier seals what is on its way": {l.op("carrier"), "POST", seal, 409},
		"the carrier's ingest seals":           {l.as("carrier", "ingest"), "POST", seal, 403},
		"an outsider sees how ingest is":       {l.op("auditor"), "GET", "/v1/status", 200},
	} {
		if code, body := s.node(t, c.by, c.method, c.path); code != c.want {
			t.Errorf("%s: came %d %s, expected %d", what, code, body, c.want)
		} else if strings.Contains(body, tr.id) {
			t.Errorf("%s: the answer tells of the shipment: %s", what, body)
		}
	}
	other := &node.Transport{Identity: l.op("carrier"), Audience: "another", Through: http.DefaultTransport, Now: time.Now}
	if code, body := s.nodeAt(t, other, "GET", s.Ingest[0].URL+logs); code != 401 {
		t.Errorf("a token for another node: came %d %s, expected 401", code, body)
	}
	if _, body := s.node(t, l.op("carrier"), http.MethodGet, logs); !strings.Contains(body, `"sealed":false`) {
		t.Errorf("the log after all that: %s, expected one that is not sealed", body)
	}
}
