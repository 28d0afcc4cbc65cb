package run

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/testkit"
)

// remoteLedger lets a child process use the test's ledger, which survives the child.
type remoteLedger struct{ url string }

type remoteCall struct {
	Op   string
	Fn   string
	Arg  json.RawMessage
	From uint64
}

type remoteAnswer struct {
	Result ledger.Result
	Events []ledger.Event
	Nodes  []ledger.Node
	Found  bool
	Code   int32
	Block  uint64
	Height uint64
	Err    string
	Kind   string
}

var errorKinds = map[string]error{"unavailable": ledger.ErrUnavailable, "unknown": ledger.ErrCommitUnknown, "invalid": ledger.ErrInvalid}

func serveLedger(t testing.TB, l *testkit.Ledger) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var c remoteCall
		if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
			return
		}
		var a remoteAnswer
		var err error
		switch c.Op {
		case "submit":
			a.Result, err = l.Submit(r.Context(), c.Fn, c.Arg)
		case "evaluate":
			a.Result.Payload, err = l.Evaluate(r.Context(), c.Fn, c.Arg)
		case "status":
			a.Found, a.Code, a.Block, err = l.TxStatus(r.Context(), c.Fn)
		case "network":
			a.Nodes, err = l.Network(r.Context())
		case "events":
			// One poll: what is there until the head.
			ctx, cancel := context.WithCancel(r.Context())
			err = l.Events(ctx, c.From, func(e ledger.Event) error { a.Events = append(a.Events, e); return nil }, func(h uint64) { a.Height = h; cancel() })
			cancel()
			if errors.Is(err, context.Canceled) {
				err = nil
			}
		}
		if err != nil {
			a.Err = err.Error()
			for kind, target := range errorKinds {
				if errors.Is(err, target) {
					a.Kind = kind
				}
			}
		}
		_ = json.NewEncoder(w).Encode(a)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func (r remoteLedger) call(ctx context.Context, c remoteCall) (remoteAnswer, error) {
	var a remoteAnswer
	body, err := json.Marshal(c)
	if err != nil {
		return a, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return a, fmt.Errorf("%w: %w", ledger.ErrUnavailable, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return a, fmt.Errorf("%w: %w", ledger.ErrUnavailable, err)
	}
	if err := json.Unmarshal(b, &a); err != nil {
		return a, err
	}
	switch {
	case a.Err == "":
		return a, nil
	case a.Kind != "":
		return a, &ledger.StageError{Stage: ledger.StageCommit, Err: fmt.Errorf("%w: %s", errorKinds[a.Kind], a.Err)}
	}
	if e := ledger.ParseError(a.Err); e != nil {
		return a, e
	}
	return a, errors.New(a.Err)
}

func (r remoteLedger) Submit(ctx context.Context, fn string, arg any) (ledger.Result, error) {
	b, err := json.Marshal(arg)
	if err != nil {
		return ledger.Result{}, err
	}
	a, err := r.call(ctx, remoteCall{Op: "submit", Fn: fn, Arg: b})
	return a.Result, err
}

func (r remoteLedger) Evaluate(ctx context.Context, fn string, arg any) ([]byte, error) {
	b, err := json.Marshal(arg)
	if err != nil {
		return nil, err
	}
	a, err := r.call(ctx, remoteCall{Op: "evaluate", Fn: fn, Arg: b})
	return a.Result.Payload, err
}

func (r remoteLedger) TxStatus(ctx context.Context, tx string) (bool, int32, uint64, error) {
	a, err := r.call(ctx, remoteCall{Op: "status", Fn: tx})
	return a.Found, a.Code, a.Block, err
}

func (r remoteLedger) Network(ctx context.Context) ([]ledger.Node, error) {
	a, err := r.call(ctx, remoteCall{Op: "network"})
	return a.Nodes, err
}

func (r remoteLedger) MSP() string { return "CarrierMSP" }

func (r remoteLedger) Events(ctx context.Context, from uint64, handle func(ledger.Event) error, atHead func(uint64)) error {
	a, err := r.call(ctx, remoteCall{Op: "events", From: from})
	if err != nil {
		return err
	}
	for _, e := range a.Events {
		if err := handle(e); err != nil {
			return err
		}
	}
	atHead(a.Height)
	<-ctx.Done()
	return ctx.Err()
}
