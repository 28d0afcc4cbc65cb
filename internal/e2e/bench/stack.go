package main

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/internal/client"
	"github.com/trackseal/trackseal/internal/fabric"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/node"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// stack is the part of stack.json that measuring needs, and the carrier's API.
type stack struct {
	dir    string
	MQTT   string `json:"mqtt"`
	Ingest []struct {
		ID  string `json:"id"`
		URL string `json:"url"`
	} `json:"ingest"`
	Orgs map[string]struct {
		Profile string `json:"profile"`
	} `json:"orgs"`
	API map[string]struct {
		URL string `json:"url"`
	} `json:"api"`
	api    *client.Client
	ledger *fabric.Client // the carrier's
}

func openStack(ctx context.Context, dir string) (*stack, error) {
	s := &stack{dir: dir}
	if err := readJSON(filepath.Join(dir, "stack.json"), s); err != nil {
		return nil, err
	}
	secrets := map[string]string{}
	if err := readJSON(filepath.Join(dir, "api-carrier", "clients-secrets.json"), &secrets); err != nil {
		return nil, err
	}
	s.api = client.New(client.Config{URL: s.API["carrier"].URL, ID: "carrier-admin", Secret: secrets["carrier-admin"]})
	var err error
	s.ledger, err = fabric.Open(ctx, fabric.Config{Profile: s.Orgs["carrier"].Profile, Org: "carrier", User: "api"}, slog.New(slog.DiscardHandler))
	return s, err
}

func readJSON(path string, v any) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, v)
}

// made takes it for done when something exists already: an earlier run made it.
func made[T any](_ T, err error) error {
	if client.Status(err) == http.StatusConflict {
		return nil
	}
	return err
}

// tracker is one signing tracker of the benchmark.
type tracker struct {
	id  string
	key ed25519.PrivateKey
}

func makeTracker(run string, n int) tracker {
	seed := sha256.Sum256([]byte(fmt.Sprintf("bench %s %d", run, n)))
	return tracker{id: fmt.Sprintf("carrier.bench-%s-%d", run, n), key: ed25519.NewKeyFromSeed(seed[:])}
}

// enrol registers n trackers and binds each to a shipment of its own, perShipment to one.
func (s *stack) enrol(ctx context.Context, run string, n, perShipment int) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(24)
	for first := 0; first < n; first += perShipment {
		g.Go(func() error {
			shipment := fmt.Sprintf("carrier.bench-%s-s%d", run, first/perShipment)
			parties := map[string][]string{"carrier": {"carrier"}, "shipper": {"shipper"}, "consignee": {"consignee"}}
			if err := made(s.api.CreateShipment(gctx, client.CreateBody{ID: shipment, RuleSet: "general-2-8@1", Parties: parties})); err != nil {
				return err
			}
			for i := first; i < min(first+perShipment, n); i++ {
				t := makeTracker(run, i)
				public := hex.EncodeToString(t.key.Public().(ed25519.PublicKey))
				proof, err := telemetry.Sign(t.key, ledger.PossessionBytes(t.id, "CarrierMSP", int(telemetry.Ed25519), public))
				if err != nil {
					return err
				}
				if err := made(s.api.EnrolTracker(gctx, client.EnrolBody{ID: t.id, PublicKey: public, Alg: "Ed25519", Proof: hex.EncodeToString(proof), Model: "bench"})); err != nil {
					return err
				}
				if err := made(s.api.AssignTracker(gctx, shipment, client.AssignInputBody{Tracker: t.id})); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// status asks one ingest instance, as the carrier's API would.
func (s *stack) status(ctx context.Context, id, url string) (st client.IngestStatus, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v1/status", nil)
	if err != nil {
		return st, err
	}
	through := http.Client{Transport: &node.Transport{Identity: s.ledger, Audience: id, Through: http.DefaultTransport, Now: time.Now}}
	resp, err := through.Do(req)
	if err != nil {
		return st, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return st, fmt.Errorf("ingest %s: status answers %s", id, resp.Status)
	}
	raw, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(raw, &st)
	}
	return st, err
}
