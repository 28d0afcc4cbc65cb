package httpapi_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"testing"

	"github.com/trackseal/trackseal/api/internal/bundle"
	"github.com/trackseal/trackseal/internal/ledger"
)

// noBlocks is a ledger whose blocks cannot be read; it notes which transaction was asked for first.
type noBlocks struct {
	bundle.Ledger
	asked string
}

func (n *noBlocks) BlockByTx(_ context.Context, tx string) ([]byte, error) {
	n.asked = tx
	return nil, errors.New("no blocks here")
}

func TestHeads(t *testing.T) {
	w := newWorld(t)
	blocks := &noBlocks{}
	w.evidence = &bundle.Source{Channel: ledger.Channel, Chaincode: ledger.Chaincode, Ledger: blocks, Log: slog.New(slog.DiscardHandler)}
	w.reopen()
	w.ship("carrier.s1")
	var list struct {
		Items []struct {
			Heads, Tx string
			N         uint64
		} `json:"items"`
	}
	w.must(http.StatusOK, "GET", "/v1/heads", "").into(&list)
	if len(list.Items) != 1 {
		t.Fatalf("got %+v, want one head", list)
	}
	newest := list.Items[0]
	path := "/v1/heads/" + newest.Heads + "/evidence"
	if r := w.call("GET", path+"?from=0&nonce=00ff", ""); r.Code != http.StatusInternalServerError || blocks.asked != newest.Tx {
		t.Errorf("%d, asked for %q: %s", r.Code, blocks.asked, r.Body)
	}
	if p := w.call("GET", path+"?from=7", "").problem(); p.Status != http.StatusNotFound {
		t.Errorf("an anchor to come: %+v", p)
	}
	for _, bad := range []string{path, path + "?from=-1", path + "?from=0&nonce=XY", "/v1/heads/zz/evidence?from=0"} {
		if r := w.call("GET", bad, ""); r.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", bad, r.Code)
		}
	}
}
