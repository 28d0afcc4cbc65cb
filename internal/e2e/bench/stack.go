package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// stack is the part of stack.json that measuring needs, and a token for the carrier's API.
type stack struct {
	dir    string
	MQTT   string `json:"mqtt"`
	Ingest []struct {
		URL       string `json:"url"`
		TokenFile string `json:"token_file"`
	} `json:"ingest"`
	API map[string]struct {
		URL string `json:"url"`
	} `json:"api"`
	token string
}

func openStack(dir string) (*stack, error) {
	s := &stack{dir: dir}
	if err := readJSON(filepath.Join(dir, "stack.json"), s); err != nil {
		return nil, err
	}
	return s, s.login()
}

func (s *stack) login() error {
	secrets := map[string]string{}
	if err := readJSON(filepath.Join(s.dir, "api-carrier", "clients-secrets.json"), &secrets); err != nil {
		return err
	}
	resp, err := http.PostForm(s.API["carrier"].URL+"/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"carrier-admin"}, "client_secret": {secrets["carrier-admin"]}})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Token == "" {
		return fmt.Errorf("token: %s %w", resp.Status, err)
	}
	s.token = answer.Token
	return nil
}

func readJSON(path string, v any) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, v)
}

// post creates something; that it exists already (an earlier run) is fine. A ledger that is busy is asked again.
func (s *stack) post(ctx context.Context, path string, body any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	for attempt := 0; ; attempt++ {
		req, err := http.NewRequestWithContext(ctx, "POST", s.API["carrier"].URL+path, bytes.NewReader(raw))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+s.token)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		answer, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		switch {
		case resp.StatusCode < 300 || resp.StatusCode == http.StatusConflict:
			return nil
		case resp.StatusCode >= 500 && attempt < 5:
			time.Sleep(time.Second)
		default:
			return fmt.Errorf("%s: %s %s", path, resp.Status, answer)
		}
	}
}

// tracker is one signing tracker of the benchmark.
type tracker struct {
	id  string
	key ed25519.PrivateKey
}

func makeTracker(run string, n int) tracker {
	seed := sha256.Sum256([]byte(fmt.Sprintf("bench %s %d", run, n)))
	return tracker{id: fmt.Sprintf("bench-%s-%d", run, n), key: ed25519.NewKeyFromSeed(seed[:])}
}

// enrol registers n trackers and binds each to a shipment of its own, perShipment to one.
func (s *stack) enrol(ctx context.Context, run string, n, perShipment int) error {
	if err := s.login(); err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(24)
	for first := 0; first < n; first += perShipment {
		g.Go(func() error {
			shipment := fmt.Sprintf("bench-%s-s%d", run, first/perShipment)
			if err := s.post(gctx, "/v1/shipments", map[string]any{"id": shipment, "rule_set": "general-2-8@1", "parties": map[string]string{"carrier": "carrier", "shipper": "shipper", "consignee": "consignee"}}); err != nil {
				return err
			}
			for i := first; i < min(first+perShipment, n); i++ {
				t := makeTracker(run, i)
				public := hex.EncodeToString(t.key.Public().(ed25519.PublicKey))
				proof, err := telemetry.Sign(t.key, ledger.PossessionBytes(t.id, "CarrierMSP", int(telemetry.Ed25519), public))
				if err != nil {
					return err
				}
				if err := s.post(gctx, "/v1/trackers", map[string]any{"id": t.id, "public_key": public, "alg": "Ed25519", "proof": hex.EncodeToString(proof), "model": "bench"}); err != nil {
					return err
				}
				if err := s.post(gctx, "/v1/shipments/"+shipment+"/assignments", map[string]any{"tracker": t.id}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// ingestStatus is what GET /v1/status of an ingest says.
type ingestStatus struct {
	Received   uint64 `json:"received"`
	Stored     uint64 `json:"stored"`
	Logged     uint64 `json:"logged"`
	LastAnchor *struct {
		Size uint64 `json:"size"`
	} `json:"last_anchor"`
}

func status(ctx context.Context, base, tokenFile string) (ingestStatus, error) {
	var st ingestStatus
	token, err := os.ReadFile(tokenFile)
	if err != nil {
		return st, err
	}
	req, err := http.NewRequestWithContext(ctx, "GET", base+"/v1/status", nil)
	if err != nil {
		return st, err
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return st, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return st, fmt.Errorf("status: %s", resp.Status)
	}
	return st, json.NewDecoder(resp.Body).Decode(&st)
}
