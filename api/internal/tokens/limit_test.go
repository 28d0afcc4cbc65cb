package tokens

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/problem"
)

// TestTokensWithoutEnd: a client that takes tokens without end stops itself, and nobody else at its address.
func TestTokensWithoutEnd(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	sum := sha256.Sum256([]byte("secret"))
	var clients []access.Client
	for _, id := range []string{"greedy", "other"} {
		clients = append(clients, access.Client{ID: id, SecretSHA256: hex.EncodeToString(sum[:]), Scopes: access.Scopes})
	}
	issuer, err := access.NewIssuer("http://issuer.test", "aud", "carrier", clients, ed25519.NewKeyFromSeed(make([]byte, 32)), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	s := Resource{Issuer: issuer, Now: func() time.Time { return now }, rates: newRates()}
	ask := func(id string) error {
		_, err := s.issue(t.Context(), &tokenInput{RawBody: []byte("grant_type=client_credentials&client_secret=secret&client_id=" + id), remote: "192.0.2.1:1000"})
		return err
	}
	given := 0
	for range 3 * givenBurst {
		err := ask("greedy")
		var p *problem.Problem
		switch {
		case err == nil:
			given++
		case !errors.As(err, &p) || p.Status != http.StatusTooManyRequests || p.GetHeaders().Get("Retry-After") == "":
			t.Fatalf("%v, want 429 with Retry-After", err)
		}
	}
	if given != givenBurst {
		t.Errorf("%d tokens at once, want %d", given, givenBurst)
	}
	if err := ask("other"); err != nil {
		t.Errorf("another client at the same address: %v, want a token", err)
	}
	now = now.Add(time.Second)
	if err := ask("greedy"); err != nil {
		t.Errorf("a second later: %v, want a token", err)
	}
}
