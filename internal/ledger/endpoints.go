package ledger

import (
	"encoding/pem"
	"net/url"
	"slices"
)

// Endpoints are where a member's nodes are reached, as the member itself announced them.
type Endpoints struct {
	API    string           `json:"api"`              // http(s)://host:port of its REST API; "" = none
	Ingest []IngestEndpoint `json:"ingest,omitempty"` // of its ingest instances, in the order of their ids
	MQTT   string           `json:"mqtt,omitempty"`   // tcp:// or ssl://host:port where its trackers publish; "" = not said
	CA     string           `json:"ca,omitempty"`     // PEM of the roots that these servers' certificates lead to; "" = public roots
	TimeMS int64            `json:"time_ms"`
	Tx     string           `json:"tx"`
}

// IngestEndpoint is where an ingest instance answers other members' nodes.
type IngestEndpoint struct {
	ID  string `json:"id"`  // of the instance, without its life
	URL string `json:"url"` // http(s)://host:port
}

// MaxCA bounds the roots in an announcement, in bytes.
const MaxCA = 16 << 10

// AnnounceArgs are the endpoints of the caller's own member, as in Endpoints. Those that it announced already are answered, and nothing is written.
type AnnounceArgs struct {
	API    string           `json:"api"`
	Ingest []IngestEndpoint `json:"ingest,omitempty"`
	MQTT   string           `json:"mqtt,omitempty"`
	CA     string           `json:"ca,omitempty"`
}

// Empty reports whether it names no endpoint.
func (a AnnounceArgs) Empty() bool {
	return a.API == "" && len(a.Ingest) == 0 && a.MQTT == "" && a.CA == ""
}

// Same reports whether these are the endpoints that were announced.
func (e Endpoints) Same(a AnnounceArgs) bool {
	return e.API == a.API && slices.Equal(e.Ingest, a.Ingest) && e.MQTT == a.MQTT && e.CA == a.CA
}

// Validate checks the shape. Whose the instances are the contract looks up.
func (a AnnounceArgs) Validate() error {
	if len(a.Ingest) > MaxInstances {
		return invalid("ingest: %d given, at most %d are accepted", len(a.Ingest), MaxInstances)
	}
	for i, e := range a.Ingest {
		if err := first(checkInstance("ingest.id", e.ID), checkURL("ingest.url", e.URL, "http", "https")); err != nil {
			return err
		}
		if i > 0 && e.ID <= a.Ingest[i-1].ID {
			return invalid("ingest must be in the order of the ids, each once")
		}
	}
	if a.API != "" {
		if err := checkURL("api", a.API, "http", "https"); err != nil {
			return err
		}
	}
	if a.MQTT != "" {
		if err := checkURL("mqtt", a.MQTT, "tcp", "ssl"); err != nil {
			return err
		}
	}
	return checkCA(a.CA)
}

func checkURL(member, s string, schemes ...string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || len(s) > 256 || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return invalid("%s must be a URL of at most 256 bytes such as %s://host:port, not %.80q", member, schemes[len(schemes)-1], s)
	case !slices.Contains(schemes, u.Scheme):
		return invalid("%s must begin with %s:// or %s://, not %.80q", member, schemes[0], schemes[1], s)
	}
	return nil
}

func checkCA(text string) error {
	if len(text) > MaxCA {
		return invalid("ca: %d bytes, at most %d are accepted", len(text), MaxCA)
	}
	for rest := []byte(text); len(rest) > 0; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || block.Type != "CERTIFICATE" {
			return invalid("ca must be certificates in PEM and nothing else")
		}
	}
	return nil
}

// checkInstance checks the id of an ingest instance that does not name a life of it.
func checkInstance(member, id string) error {
	if err := checkID(member, id); err != nil {
		return err
	}
	if _, life := LifeOf(id); life > 1 {
		return invalid("%s: %s names a life; give the instance", member, id)
	}
	return nil
}
