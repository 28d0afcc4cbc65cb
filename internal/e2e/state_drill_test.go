package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// TestDrillLostState takes a node's state away from its running API. The supervisor starts the API again, on an empty state: it reads and writes,
// it has the details of its shipments again from another party's node, and what only this node kept is gone.
func TestDrillLostState(t *testing.T) {
	s := load(t)
	carrier, consignee := s.api(t, "carrier"), s.api(t, "consignee")
	type shipment struct {
		Description string `json:"description"`
		Details     struct {
			Here bool `json:"here"`
		} `json:"details"`
	}
	create := func(text, consignee string) (path string) {
		t.Helper()
		id := name("state")
		carrier.post("/v1/shipments", map[string]any{"id": id, "rule_set": "general-2-8@1", "description": text,
			"parties": map[string][]string{"carrier": {"carrier"}, "consignee": {consignee}}}, nil)
		return "/v1/shipments/" + id
	}
	auditedSince := func() string { // the time of the audit log's first record
		t.Helper()
		var page struct {
			Items []struct{ Time string }
		}
		if carrier.get("/v1/audit?limit=1", &page); len(page.Items) != 1 {
			t.Fatalf("the audit log begins with %+v, want one record", page.Items)
		}
		return page.Items[0].Time
	}
	said := func(a *api, path, text string) {
		t.Helper()
		eventually(t, time.Minute, a.org+" has the details", func() (bool, string) {
			var r shipment
			_, err := a.call("GET", path, nil, &r)
			return err == nil && r.Details.Here && r.Description == text, fmt.Sprintf("%+v, %v", r, err)
		})
	}
	shared, alone := create("told to another", "consignee"), create("told to nobody", "carrier")
	said(consignee, shared, "told to another")
	said(carrier, alone, "told to nobody")
	before := auditedSince()

	pid := s.processes(t)["api-carrier"].PID
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil { // or it would write while its folder goes
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(s.Dir, "api-carrier", "data", "state")); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "the API is back", func() (bool, string) {
		p := s.processes(t)["api-carrier"]
		return p.PID != pid && p.State == "ready", fmt.Sprintf("%+v", p)
	})

	said(carrier, shared, "told to another")
	var r shipment
	if carrier.get(alone, &r); r.Details.Here || r.Description != "" {
		t.Errorf("the shipment of which nobody else was told: %+v, want it without its details", r)
	}
	p := begin(t, s, enrolOwn(t, s, carrier, name("LS")), name("state"), "carrier", "consignee")
	p.send(p.tr.message(telemetry.Data))
	p.anchored()
	p.copied("consignee")
	if since := auditedSince(); since <= before {
		t.Errorf("the audit log begins at %s, want that it begins anew: it began at %s", since, before)
	}
}
