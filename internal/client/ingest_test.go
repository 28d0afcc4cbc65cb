package client

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestIngestStatus(t *testing.T) {
	network := ""
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/oauth2/token":
			_, _ = w.Write([]byte(`{"access_token":"t","token_type":"Bearer","expires_in":60}`))
		case "/v1/network":
			_, _ = w.Write([]byte(network))
		}
	}))
	defer s.Close()
	c := New(Config{URL: s.URL, ID: "i", Secret: "s"})
	network = `{"ingest":[{"id":"a","ok":true,"status":{"received":3,"stored":2,"logged":1,"duplicates":4,"rejected":{"malformed":5},"last_anchor":{"size":6}}},
		{"id":"b","ok":true,"status":{"received":1,"rejected":{"malformed":1},"last_anchor":{"size":7}}}]}`
	st, err := c.IngestStatus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if st.Received != 4 || st.Stored != 2 || st.Logged != 1 || st.Duplicates != 4 || st.Rejected["malformed"] != 6 || st.LastAnchor == nil || st.LastAnchor.Size != 7 {
		t.Errorf("read %+v, want 4 received, 2 stored, 1 logged, 4 duplicates, 6 malformed and an anchor of size 7", st)
	}
	network = `{"ingest":[{"id":"a","ok":false,"error":"the instance cannot be reached"}]}`
	if _, err := c.IngestStatus(t.Context()); err == nil || !strings.Contains(err.Error(), "ingest a: the instance cannot be reached") {
		t.Errorf("one that is away: %v, want an error that names it", err)
	}
}
