package fabric

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/testkit"
)

// stack is what stack.json says of the ledger.
type stack struct {
	dir      string
	Orderers string `json:"orderers"` // bft | raft
	Orgs     map[string]struct {
		Profile string `json:"profile"`
	} `json:"orgs"`
}

// realStack is the running stack that tests use, or skips the test.
func realStack(t testing.TB) stack {
	t.Helper()
	dir := os.Getenv("TRACKSEAL_STACK")
	if dir == "" {
		t.Skip("needs a running stack: TRACKSEAL_STACK is not set")
	}
	s := stack{dir: dir}
	raw, err := os.ReadFile(filepath.Join(dir, "stack.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s stack) config(org, user string) Config {
	return Config{Profile: s.Orgs[org].Profile, Org: org, User: user}
}

func (s stack) open(t testing.TB, org, user string) *Client {
	t.Helper()
	c, err := Open(t.Context(), s.config(org, user), slog.New(slog.NewTextHandler(testWriter{t}, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

var _ testkit.LedgerClient = (*Client)(nil)

func TestStackKeepsTheContract(t *testing.T) {
	s := realStack(t)
	users := map[string]string{contract.Operator: "api", contract.Ingest: "ingest"}
	testkit.LedgerSuite(t, func(t *testing.T, org, role string) testkit.LedgerClient { return s.open(t, org, users[role]) })
}
