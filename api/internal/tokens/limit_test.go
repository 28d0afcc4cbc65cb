package tokens

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
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
	s := Resource{Issuer: issuer, Now: func() time.Time { return now }, limits: newLimits()}
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

func TestBuckets(t *testing.T) {
	b := buckets{rate: 2, burst: 5}
	now := time.Unix(1_800_000_000, 0)
	allowed := func(key string, at time.Time) (n int) {
		for range 100 {
			if b.allow(key, at) {
				n++
			}
		}
		return n
	}
	if n := allowed("a", now); n != 5 {
		t.Errorf("%d at once, want the burst of 5", n)
	}
	if n := allowed("b", now); n != 5 {
		t.Errorf("%d of another key, want 5: a's do not count", n)
	}
	if n := allowed("a", now.Add(time.Second)); n != 2 {
		t.Errorf("%d after a second, want 2", n)
	}
	// Many keys take bounded memory, and one that goes on is not forgotten among them.
	for i := range 10 * maxBuckets {
		b.allow(fmt.Sprint("flood", i), now.Add(time.Second))
		if i%1000 == 0 && b.allow("a", now.Add(time.Second)) {
			t.Fatalf("a flood of %d other keys has emptied a's count", i)
		}
	}
	if n := len(b.young) + len(b.old); n > maxBuckets {
		t.Errorf("%d buckets, want at most %d", n, maxBuckets)
	}
}

func TestNetwork(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:1234": "192.0.2.1", "[::ffff:192.0.2.1]:80": "192.0.2.1", "[2001:db8:1:2:3::4]:80": "2001:db8:1:2::/64", "[2001:db8:1:2:ffff::]:80": "2001:db8:1:2::/64", "[fe80::1%eth0]:80": "fe80::/64",
		"pipe": "",
	} {
		if got := network(remote); got != want {
			t.Errorf("%s counts as %q, want %q", remote, got, want)
		}
	}
}
