// Command vectors makes evidence for the browser tests: an honest shipment of a consortium that exists for one run, and what
// becomes of it when somebody changes it. It prints its address and serves until its standard input ends.
//
//	GET /policy                  the auditor's policy file
//	GET /bundle?nonce=&change=   a bundle whose peers signed the nonce; change is "", edited, swapped or cut
package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "vectors:", err)
		os.Exit(1)
	}
}

func run() error {
	v := &vectors{trip: evidencetest.Standard(fabricproof.BFT, 250)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /policy", v.policy)
	mux.HandleFunc("GET /bundle", v.bundle)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Printf("http://%s\n", listener.Addr())
	_, err = io.Copy(io.Discard, os.Stdin) // the tests hold it open as long as they live
	stop, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err = errors.Join(err, server.Shutdown(stop))
	if e := <-served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}

type vectors struct {
	mu   sync.Mutex
	trip *evidencetest.Trip
}

func (v *vectors) policy(w http.ResponseWriter, _ *http.Request) {
	raw, err := json.Marshal(v.trip.C.Policy())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	send(w, raw)
}

func (v *vectors) bundle(w http.ResponseWriter, r *http.Request) {
	nonce, err := hex.DecodeString(r.FormValue("nonce"))
	if err != nil {
		http.Error(w, "nonce: not hex", http.StatusBadRequest)
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	t := v.trip
	t.Nonce = nonce
	t.Collect()
	honest := slices.Clone(t.Leaves)
	defer func() { t.Leaves = honest }()
	cut := 0
	switch change := r.FormValue("change"); change {
	case "":
	case "edited": // one reading, after it was signed
		edit(&t.Leaves[7])
	case "swapped": // two log entries
		t.Leaves[7], t.Leaves[8] = t.Leaves[8], t.Leaves[7]
	case "cut":
		cut = 1000
	default:
		http.Error(w, "change: unknown", http.StatusBadRequest)
		return
	}
	raw := t.Bundle()
	send(w, raw[:len(raw)-cut])
}

// edit changes the readings of one message.
func edit(l *evidence.Leaf) {
	pack := bytes.Clone(l.Pack)
	pack[len(pack)-1] ^= 1
	l.Pack = pack
}

func send(w http.ResponseWriter, raw []byte) {
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(raw) // the test that went away says so itself
}
