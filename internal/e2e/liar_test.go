package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/node"
	"github.com/trackseal/trackseal/internal/stored/transfer"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// lyingIngest stands before an operator's real ingest and changes what it answers about one log.
type lyingIngest struct {
	mu     sync.Mutex
	log    string
	change func(path string, body []byte) []byte
	asked  map[string]bool // MSP ids
}

func (l *lyingIngest) lies(log string, change func(path string, body []byte) []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log, l.change = log, change
}

func (l *lyingIngest) heard(msp string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked[msp]
}

// from notes whose node asks: the token says so, and the real ingest checks it.
func (l *lyingIngest) from(r *http.Request) {
	_, text, _ := strings.Cut(r.Header.Get("Authorization"), node.Scheme+" ")
	parts := strings.Split(text, ".")
	var claims struct {
		Iss string `json:"iss"`
	}
	if len(parts) == 3 {
		if raw, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil && json.Unmarshal(raw, &claims) == nil {
			l.mu.Lock()
			l.asked[claims.Iss] = true
			l.mu.Unlock()
		}
	}
}

func (l *lyingIngest) answer(resp *http.Response) error {
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	l.mu.Lock()
	change, about := l.change, strings.Contains(resp.Request.URL.Path, l.log) || resp.Request.URL.Path == "/v1/heads"
	l.mu.Unlock()
	if change != nil && about && resp.StatusCode == http.StatusOK {
		raw = change(resp.Request.URL.Path, raw)
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
	resp.Header.Set("Content-Length", fmt.Sprint(len(raw)))
	return nil
}

// copyFinding is one of GET /v1/network.
type copyFinding struct {
	By, Log, Subject, What, Detail string
	Leaf                           uint64
}

// copyFindings are those about the copy of one instance: other tests may have left some of others.
func (a *api) copyFindings(ingest string) []copyFinding {
	a.t.Helper()
	var n struct {
		Copies []struct {
			Ingest   string
			Findings []copyFinding
		}
	}
	a.get("/v1/network", &n)
	for _, c := range n.Copies {
		if c.Ingest == ingest {
			return c.Findings
		}
	}
	return nil
}

// TestStackLyingOperator has the carrier announce an address at which its ingest changes a message, hides one, and stops giving what it has
// anchored. Each other party names it within 30 s of the anchor, with shipment and leaf, takes the truth from another node, and forgives
// once the carrier gives it itself.
func TestStackLyingOperator(t *testing.T) {
	s := load(t)
	l := openLedger(t)
	carrier := s.api(t, "carrier")
	ctx := context.WithoutCancel(t.Context())
	member, err := ledger.MemberGet.Ask(ctx, l.op("carrier"), ledger.NameArgs{Name: "carrier"})
	if err != nil || member.Endpoints == nil {
		t.Fatalf("the carrier's endpoints: %v, %+v", err, member)
	}
	truth := ledger.AnnounceArgs{API: member.Endpoints.API, Ingest: member.Endpoints.Ingest, MQTT: member.Endpoints.MQTT, CA: member.Endpoints.CA}
	real, err := url.Parse(truth.Ingest[0].URL)
	if err != nil {
		t.Fatal(err)
	}
	between := &lyingIngest{asked: map[string]bool{}}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(real) }, ModifyResponse: between.answer, Transport: http.DefaultTransport}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		between.from(r)
		proxy.ServeHTTP(w, r)
	}))
	defer srv.Close()
	lying := truth
	lying.Ingest = []ledger.IngestEndpoint{{ID: truth.Ingest[0].ID, URL: srv.URL}}
	announce := func(args ledger.AnnounceArgs) {
		t.Helper()
		if _, _, err := ledger.MemberAnnounce.Do(ctx, l.op("carrier"), args); err != nil {
			t.Fatal(err)
		}
	}
	announce(lying)
	parties := []string{"shipper", "consignee"}
	well := func() {
		t.Helper()
		for _, org := range parties {
			eventually(t, 90*time.Second, org+" finds nothing any more", func() (bool, string) {
				found := s.api(t, org).copyFindings(s.Ingest[0].ID)
				return len(found) == 0, fmt.Sprintf("%+v", found)
			})
		}
	}
	defer func() {
		between.lies("", nil)
		announce(truth)
		well()
	}()
	for _, org := range parties { // each asks how the instances are when it is asked itself
		a := s.api(t, org)
		eventually(t, time.Minute, org+" follows the new address", func() (bool, string) {
			a.copyFindings(s.Ingest[0].ID)
			return between.heard(testkit.MSPOf(org)), ""
		})
	}

	tr := enrolOwn(t, s, carrier, name("LI"))
	tr.publish(tr.message(telemetry.Data))
	trip := begin(t, s, tr, name("liar"), "carrier", "shipper", "consignee")
	trip.send(tr.message(telemetry.Data), tr.message(telemetry.Data))
	trip.anchored()
	for _, org := range parties {
		trip.copied(org)
	}
	log := trip.messages()[0].Log
	messages := func(change func(page *transfer.Messages)) func(string, []byte) []byte {
		return func(path string, body []byte) []byte {
			page, err := transfer.DecodeMessages(body)
			if err != nil || !strings.HasSuffix(path, "/messages") || len(page.Items) == 0 {
				return body
			}
			change(&page)
			return page.Encode()
		}
	}
	for _, c := range []struct {
		name   string
		change func(path string, body []byte) []byte
		what   []string
		whole  bool // of the instance as a whole
	}{
		{"a changed message", messages(func(page *transfer.Messages) {
			if raw := page.Items[len(page.Items)-1].Raw; len(raw) > 0 {
				raw[len(raw)/2] ^= 1
			}
		}), []string{"differs"}, false},
		{"a hidden message", messages(func(page *transfer.Messages) { page.Items = page.Items[:len(page.Items)-1] }), []string{"missing"}, false},
		{"nothing new", func(path string, body []byte) []byte {
			page, err := transfer.DecodeHeads(body)
			if err != nil {
				return body
			}
			page.Next = 0
			page.Items = page.Items[:0]
			return page.Encode()
		}, []string{"lagging"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			between.lies(log, c.change)
			first := uint64(trip.sent)
			trip.send(tr.message(telemetry.Data), tr.message(telemetry.Data))
			trip.anchored()
			for _, org := range parties {
				eventually(t, 30*time.Second, org+" names the operator", func() (bool, string) {
					found := s.api(t, org).copyFindings(s.Ingest[0].ID)
					for _, f := range found {
						fits := f.Subject == trip.id && f.Log == log && f.Leaf >= first && f.Leaf < uint64(trip.sent)
						if f.By == truth.Ingest[0].ID && strings.Contains(strings.Join(c.what, " "), f.What) && (fits || c.whole && f.Log == "") {
							return true, ""
						}
					}
					return false, fmt.Sprintf("%+v", found)
				})
			}
			for _, org := range parties { // from another node, although the operator still lies
				eventually(t, 90*time.Second, org+" has the truth all the same", func() (bool, string) {
					list := all[messageItem](s.api(t, org), "/v1/shipments/"+trip.id+"/messages?limit=1000")
					return len(list) == trip.sent, fmt.Sprintf("%d of %d", len(list), trip.sent)
				})
			}
			between.lies("", nil)
			well()
			for _, org := range parties {
				trip.copied(org)
			}
		})
	}
}
