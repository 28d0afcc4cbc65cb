package client

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestIngestStatus(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/status" || r.Header.Get("Authorization") != "Bearer read" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"received":3,"stored":2,"logged":1,"duplicates":4,"rejected":{"malformed":5},"last_anchor":{"size":6}}`))
	}))
	defer s.Close()
	st, err := Ingest{ID: "i", URL: s.URL, Token: "read"}.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if st.Received != 3 || st.Stored != 2 || st.Logged != 1 || st.Duplicates != 4 || st.Rejected["malformed"] != 5 || st.LastAnchor == nil || st.LastAnchor.Size != 6 {
		t.Errorf("read %+v, want 3 received, 2 stored, 1 logged, 4 duplicates, 5 malformed and an anchor of size 6", st)
	}
	if _, err := (Ingest{ID: "i", URL: s.URL, Token: "other"}).Status(t.Context()); err == nil || !strings.Contains(err.Error(), "ingest i: status answers 401") {
		t.Errorf("with another token: %v, want an error that names the instance and 401", err)
	}
}
