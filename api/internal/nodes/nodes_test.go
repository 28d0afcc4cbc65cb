package nodes

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/node/nodetest"
	"github.com/trackseal/trackseal/internal/secure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func member(name string, e ledger.Endpoints) ledger.Member {
	return ledger.Member{Name: name, MSP: strings.ToUpper(name[:1]) + name[1:] + "MSP", Endpoints: &e}
}

// world is the shipper's book, whose members a test sets.
func world(t *testing.T, loopback bool, calls secure.Client) (*Book, *[]ledger.Member) {
	t.Helper()
	all := new([]ledger.Member)
	b := New(Config{Self: "shipper", Own: []string{"shipper.ingest-1"}, Members: func() []ledger.Member { return *all }, Identity: nodetest.New().Identity("shipper", contract.Operator),
		Calls: calls, Loopback: loopback, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	t.Cleanup(func() { *all = nil; b.Instances() })
	return b, all
}

// Clients follow what is announced: who joins, moves and ends, without a restart; what has not moved keeps its client.
func TestFollows(t *testing.T) {
	b, all := world(t, true, secure.Client{})
	if got := b.Instances(); len(got) != 0 || b.Party("CarrierMSP") != nil || b.Details("carrier") != nil || len(b.Operators()) != 0 {
		t.Errorf("nobody has announced anything, and there are %d instances", len(got))
	}
	var asked []string
	srv := func(name string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, name)
			w.WriteHeader(http.StatusNotFound)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	carrier := ledger.Endpoints{API: srv("api"), Ingest: []ledger.IngestEndpoint{{ID: "carrier.ingest-1", URL: srv("ingest")}}}
	own := ledger.Endpoints{API: srv("own"), Ingest: []ledger.IngestEndpoint{{ID: "shipper.ingest-1", URL: srv("own ingest")}}}
	*all = []ledger.Member{member("carrier", carrier), {Name: "consignee", MSP: "ConsigneeMSP"}, member("shipper", own)}
	if got := b.Instances(); len(got) != 2 || got[0].ID() != "carrier.ingest-1" || got[1].ID() != "shipper.ingest-1" {
		t.Fatalf("there are %d instances, expected the carrier's and ours", len(got))
	}
	first := b.Operators()
	if len(first) != 1 || first["carrier.ingest-1"] == nil {
		t.Errorf("copied from %v, expected the carrier's instance alone", first)
	}
	if b.Party("ShipperMSP") != nil || b.Details("shipper") != nil || b.Details("consignee") != nil || b.Party("CarrierMSP") == nil || b.Details("carrier") == nil {
		t.Error("expected the carrier's api, and neither our own nor one that is not announced")
	}
	if _, err := b.Party("CarrierMSP").Outside(t.Context(), "carrier.S-1", 0); err == nil || len(asked) != 1 || asked[0] != "api" {
		t.Errorf("asked %v (%v), expected the carrier's api", asked, err)
	}
	// Read again, and the same.
	*all = append([]ledger.Member(nil), *all...)
	if again := b.Operators(); again["carrier.ingest-1"] != first["carrier.ingest-1"] {
		t.Error("what has not moved has another client")
	}
	moved := carrier
	moved.Ingest = []ledger.IngestEndpoint{{ID: "carrier.ingest-1", URL: srv("moved")}}
	*all = []ledger.Member{member("carrier", moved)}
	if again := b.Operators(); again["carrier.ingest-1"] == first["carrier.ingest-1"] {
		t.Error("what has moved has the old client")
	}
	ended := member("carrier", moved)
	ended.Ended = &ledger.Ended{Why: ledger.Evicted}
	*all = []ledger.Member{ended}
	if got := b.Instances(); len(got) != 0 || b.Party("CarrierMSP") != nil {
		t.Errorf("a member that was evicted is asked at %d instances", len(got))
	}
}

// What cannot be used is named with its reason, and nobody falls over it.
func TestUnusable(t *testing.T) {
	for name, c := range map[string]struct {
		loopback bool
		calls    secure.Client
		e        ledger.Endpoints
		why      string // "" = usable
	}{
		"https":                     {false, secure.Client{}, ledger.Endpoints{API: "https://api.example:8443"}, ""},
		"plain text":                {false, secure.Client{}, ledger.Endpoints{API: "http://api.example:8080"}, "must be https"},
		"plain text by name":        {false, secure.Client{Insecure: true}, ledger.Endpoints{API: "http://api.example:8080"}, ""},
		"our machine":               {false, secure.Client{}, ledger.Endpoints{API: "http://127.0.0.1:8080"}, "own machine"},
		"our machine by name":       {false, secure.Client{Insecure: true}, ledger.Endpoints{API: "http://localhost"}, "own machine"},
		"our machine with TLS":      {false, secure.Client{}, ledger.Endpoints{API: "https://[::1]:8086"}, "own machine"},
		"all on one machine":        {true, secure.Client{}, ledger.Endpoints{API: "http://127.0.0.1:8080"}, ""},
		"no URL":                    {true, secure.Client{}, ledger.Endpoints{API: "api.example:8080"}, "must be http"},
		"a path":                    {true, secure.Client{}, ledger.Endpoints{API: "https://api.example/v1/admin"}, "must be http"},
		"authorities that are none": {true, secure.Client{}, ledger.Endpoints{API: "https://api.example:8443", CA: "nothing"}, "authorities"},
		"another member's instance": {true, secure.Client{}, ledger.Endpoints{Ingest: []ledger.IngestEndpoint{{ID: "shipper.ingest-1", URL: "https://in.example:1"}}}, "not this member's"},
	} {
		b, all := world(t, c.loopback, c.calls)
		*all = []ledger.Member{member("carrier", c.e)}
		bad := b.Unusable()
		usable := b.Party("CarrierMSP") != nil || len(b.Instances()) > 0
		if usable != (c.why == "") || usable != (len(bad) == 0) || !usable && (!strings.Contains(bad[0].Why, c.why) || bad[0].Member != "carrier") {
			t.Errorf("%s: usable %t, named %+v; expected %q", name, usable, bad, c.why)
		}
	}
}
