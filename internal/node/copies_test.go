package node

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/stored/copying"
	"github.com/trackseal/trackseal/internal/stored/transfer"
)

var errAway = errors.New("cannot be asked")

// What an operator's node answers is bounded in bytes and time, and told apart: not there, too much, wrong, or no answer.
func TestPagesAreBounded(t *testing.T) {
	answer := map[string]http.HandlerFunc{
		"good": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(transfer.Messages{Items: []transfer.Message{{Entry: []byte{1}, Flags: []string{}}}}.Encode())
		},
		"none":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		"far":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusConflict) },
		"away":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"refused":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"nonsense": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("[]")) },
		"another": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(transfer.Outside{Items: [][]byte{}}.Encode())
		},
		"huge": func(w http.ResponseWriter, _ *http.Request) {
			part := []byte(strings.Repeat("x", 1<<20))
			for range 64 {
				if _, err := w.Write(part); err != nil {
					return
				}
			}
		},
		"endless": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte("x"))
				_ = http.NewResponseController(w).Flush()
				time.Sleep(time.Millisecond)
			}
		},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/logs/{log}/messages", func(w http.ResponseWriter, r *http.Request) { answer[r.PathValue("log")](w, r) })
	srv := httptest.NewServer(mux)
	defer srv.Close()
	through := new(http.Transport)
	defer through.CloseIdleConnections()
	c, err := NewCopies("carrier.ingest-1", srv.URL+IngestCopies, through)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{
		"good": nil, "none": transfer.ErrNone, "far": transfer.ErrFar, "away": errAway, "refused": errAway,
		"nonsense": transfer.ErrForm, "another": nil, "huge": transfer.ErrForm, "endless": errAway,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if name != "endless" {
			ctx = t.Context()
		}
		page, err := c.Messages(ctx, copying.Ref{Log: name}, 0, 10, false)
		cancel()
		if err != nil && !errors.Is(err, transfer.ErrNone) && !errors.Is(err, transfer.ErrFar) && !errors.Is(err, transfer.ErrForm) {
			err = errAway
		}
		if !errors.Is(err, want) || want == nil && err != nil || name == "good" && len(page.Items) != 1 {
			t.Errorf("%s: came %d items, %v; expected %v", name, len(page.Items), err, want)
		}
	}
}
