package e2e

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/fabric"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// ledgerClients speaks to the running network as its organisations' users.
type ledgerClients struct {
	t       *testing.T
	channel string
	orgs    map[string]struct {
		Profile string `json:"profile"`
	}
	chaincode string
	open      map[string]*fabric.Client
}

func openLedger(t *testing.T) *ledgerClients {
	t.Helper()
	return load(t).ledger(t)
}

func (s *stack) ledger(t *testing.T) *ledgerClients {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.Dir, "stack.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Channel   string `json:"channel"`
		Chaincode string `json:"chaincode"`
		Orgs      map[string]struct {
			Profile string `json:"profile"`
		} `json:"orgs"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	l := &ledgerClients{t: t, channel: file.Channel, chaincode: file.Chaincode, orgs: file.Orgs, open: map[string]*fabric.Client{}}
	t.Cleanup(func() {
		for _, c := range l.open {
			c.Close()
		}
	})
	return l
}

// as is the client of a user, "carrier/api" for example.
func (l *ledgerClients) as(org, user string) *fabric.Client {
	l.t.Helper()
	key := org + "/" + user
	if c, ok := l.open[key]; ok {
		return c
	}
	c, err := fabric.Open(l.t.Context(), fabric.Config{
		Profile: l.orgs[org].Profile, Org: org, User: user, Channel: l.channel, Chaincode: l.chaincode,
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		l.t.Fatalf("open as %s: %v", key, err)
	}
	l.open[key] = c
	return c
}

func (l *ledgerClients) op(org string) *fabric.Client { return l.as(org, "api") }

// submitLedger submits until the outcome is clear: a transaction that lost against another one, or whose endorsers were
// a block apart, is simulated again, as the programs do.
func submitLedger(ctx context.Context, c *fabric.Client, fn ledger.Function, arg any) (ledger.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	for {
		r, err := c.Submit(ctx, fn.Name(), arg)
		if err == nil || ctx.Err() != nil || !errors.Is(err, ledger.ErrInvalid) && !errors.Is(err, ledger.ErrUnavailable) {
			return r, err
		}
	}
}

func mustLedger[R any](t *testing.T, c *fabric.Client, fn ledger.Function, arg any) R {
	t.Helper()
	res, err := submitLedger(t.Context(), c, fn, arg)
	if err != nil {
		t.Fatalf("%s by %s: %v", fn, c.MSP(), err)
	}
	everywhere(t, c, res.Block)
	return decodeLedger[R](t, fn.Name(), res.Payload)
}

// everywhere waits until every peer has the block: what comes next in a test may be endorsed by any of them.
func everywhere(t *testing.T, c *fabric.Client, block uint64) {
	t.Helper()
	eventually(t, 30*time.Second, fmt.Sprintf("every peer has block %d", block), func() (bool, string) {
		nodes, err := c.Network(t.Context())
		if err != nil {
			return false, err.Error()
		}
		for _, n := range nodes {
			if n.Role == "peer" && n.Height <= block {
				return false, fmt.Sprintf("%s has %d blocks: %s", n.Org, n.Height, n.Error)
			}
		}
		return true, ""
	})
}

func decodeLedger[R any](t *testing.T, what string, payload []byte) R {
	t.Helper()
	var r R
	if err := ledger.Decode(payload, &r); err != nil {
		t.Fatalf("%s answered %s: %v", what, payload, err)
	}
	return r
}

func askLedger[R any](t *testing.T, c *fabric.Client, fn ledger.Function, arg any) R {
	t.Helper()
	payload, err := c.Evaluate(t.Context(), fn.Name(), arg)
	if err != nil {
		t.Fatalf("%s by %s: %v", fn, c.MSP(), err)
	}
	return decodeLedger[R](t, fn.Name(), payload)
}

// refusedLedger wants a refusal by the chaincode with code, by submit and never ordered, or by evaluate. A peer that is a block
// behind may refuse for another reason at first; what must not be is that it goes through.
func refusedLedger(t *testing.T, code ledger.Code, c *fabric.Client, fn ledger.Function, arg any) {
	t.Helper()
	eventually(t, 20*time.Second, fmt.Sprintf("%s by %s with %+v is refused with %s", fn, c.MSP(), arg, code), func() (bool, string) {
		_, err := submitLedger(t.Context(), c, fn, arg)
		if err == nil {
			t.Fatalf("%s by %s with %+v went through, want %s", fn, c.MSP(), arg, code)
		}
		return ledger.CodeOf(err) == code, err.Error()
	})
}

// agree waits until the named organisations' peers answer alike, and returns the answer.
func agree[R any](t *testing.T, c *fabric.Client, fn ledger.Function, arg any, orgs ...string) R {
	t.Helper()
	var answer R
	eventually(t, 20*time.Second, "the peers agree on "+fn.Name(), func() (bool, string) {
		for i, org := range orgs {
			payload, err := c.EvaluateAt(t.Context(), org, fn.Name(), arg)
			if err != nil {
				return false, err.Error()
			}
			r := decodeLedger[R](t, fn.Name(), payload)
			if i > 0 && !reflect.DeepEqual(r, answer) {
				return false, org + " differs"
			}
			answer = r
		}
		return true, ""
	})
	return answer
}

func enrolArgs(id, ownerMSP, keyOf string) ledger.EnrolArgs {
	seed := sha256.Sum256([]byte(keyOf))
	key := ed25519.NewKeyFromSeed(seed[:])
	public := hex.EncodeToString(key.Public().(ed25519.PublicKey))
	proof := ed25519.Sign(key, ledger.PossessionBytes(id, ownerMSP, int(telemetry.Ed25519), public))
	return ledger.EnrolArgs{ID: id, Alg: int(telemetry.Ed25519), Public: public, Proof: hex.EncodeToString(proof), Model: "e2e"}
}

func hexSHA256(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// builtinRules are what the tests' shipments pin: hot is instant (temperature >= 25).
var builtinRules, _ = compliance.Lookup("general-2-8@1")

func shipmentArgs(id string) ledger.CreateArgs {
	return ledger.CreateArgs{
		ID: id, RuleSet: builtinRules.Ref(), RuleSetHash: hexSHA256(string(builtinRules.Canonical())),
		Parties: ledger.Parties{"carrier": {"CarrierMSP"}, "shipper": {"ShipperMSP"}, "consignee": {"ConsigneeMSP"}},
	}
}

func logHead(log string, size uint64) ledger.LogHead {
	return ledger.LogHead{Log: hexSHA256(log), Size: size, Root: hexSHA256(log + "root")}
}
