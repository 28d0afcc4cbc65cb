package access

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

// header proves by a header that is right or wrong.
type header string

var errWrong = errors.New("wrong proof")

func (h header) Authenticate(r *http.Request) (*Principal, error) {
	switch r.Header.Get(string(h)) {
	case "":
		return nil, nil
	case "right":
		return &Principal{Client: string(h)}, nil
	}
	return nil, errWrong
}

// TestChain: the first authenticator that finds a proof of its kind decides; a wrong proof is not saved by a right one behind it.
func TestChain(t *testing.T) {
	chain := Chain{header("First"), header("Second")}
	for _, c := range []struct {
		name          string
		first, second string
		client        string
		err           error
	}{
		{"nothing", "", "", "", ErrNoProof},
		{"the first", "right", "", "First", nil},
		{"the second", "", "right", "Second", nil},
		{"both", "right", "right", "First", nil},
		{"a wrong one before a right one", "wrong", "right", "", errWrong},
		{"a wrong one behind a right one", "right", "wrong", "First", nil},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("First", c.first)
		r.Header.Set("Second", c.second)
		p, err := chain.Authenticate(r)
		client := ""
		if p != nil {
			client = p.Client
		}
		if client != c.client || !errors.Is(err, c.err) {
			t.Errorf("%s: principal %q, error %v; want %q, %v", c.name, client, err, c.client, c.err)
		}
	}
}

func TestMay(t *testing.T) {
	one := []Resource{{Shipment, "s1"}}
	for _, c := range []struct {
		name string
		only []Resource
		kind Kind
		id   string
		want bool
	}{
		{"not narrowed", nil, Shipment, "s1", true},
		{"its shipment", one, Shipment, "s1", true},
		{"another shipment", one, Shipment, "s2", false},
		{"a tracker with the shipment's id", one, Tracker, "s1", false},
		{"narrowed to nothing", []Resource{}, Shipment, "s1", false},
	} {
		if got := (&Principal{Only: c.only}).May(c.kind, c.id); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
