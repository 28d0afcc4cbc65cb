// Package ingestclient asks ingest instances.
package ingestclient

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/node"
	"github.com/trackseal/trackseal/internal/stored/transfer"
)

// Instance is one ingest instance, as the API asks it. Errors wrap problem.ErrIngest when it cannot be asked.
type Instance interface {
	ID() string
	// Logs of one shipment there.
	Logs(ctx context.Context, shipment string) ([]Log, error)
	// Seal ends the shipment's logs there and returns once their heads are anchored and its seal is on the ledger. Repeating it changes
	// nothing. An instance whose organisation is no party has nothing to seal.
	Seal(ctx context.Context, shipment string) (Sealed, error)
	// Assigned tells whether the instance has heard that the tracker is on the shipment.
	Assigned(ctx context.Context, shipment, tracker string) (bool, error)
	// Consistency is the RFC 9162 proof of a heads log of the instance between two sizes: it has that of its present life.
	Consistency(ctx context.Context, heads string, first, second uint64) ([][32]byte, error)
	// Rejected lists what the instance refused of one of this organisation's trackers, newest first; beforeNS 0 = from the newest on.
	Rejected(ctx context.Context, tracker string, beforeNS int64, limit int, raw bool) ([]transfer.Rejected, error)
	// Intake gives it a message of one of this organisation's trackers, and returns when all that was accepted is durable: see Client.
	Intake(ctx context.Context, m transfer.Intake) (transfer.Taken, error)
	// Status is passed on as it is.
	Status(ctx context.Context) (json.RawMessage, error)
}

// Instances gives those of now: members announce theirs on the ledger, and move or end them. nil gives none.
type Instances func() []Instance

// All of now, in the order of their ids. The caller does not change the list.
func (i Instances) All() []Instance {
	if i == nil {
		return nil
	}
	return i()
}

// OfParties are those that members run of which is says that they are parties: the others have nothing of a shipment, and one that does not
// answer need not be waited for.
func (i Instances) OfParties(is func(member string) bool) (some []Instance) {
	for _, in := range i.All() {
		if is(ledger.MemberOf(in.ID())) {
			some = append(some, in)
		}
	}
	return some
}

// These are always the same ones.
func These(all ...Instance) Instances { return func() []Instance { return all } }

// Log is one log as its writer has it.
type Log struct {
	Log     string `json:"log"`
	Kind    string `json:"kind"`
	Subject string `json:"subject"`
	OpenTx  string `json:"open_tx"`
	Ingest  string `json:"ingest"`
	Size    uint64 `json:"size"`
	// Stored is how many of them our InfluxDB has; nil when the instance does not know.
	Stored       *uint64 `json:"stored_size"`
	Root         string  `json:"root"`
	Sealed       bool    `json:"sealed"`
	AnchoredSize uint64  `json:"anchored_size"`
	Heads        string  `json:"heads"`
}

// Sealed tells how far one instance is.
type Sealed struct {
	// Anchored is true once the ledger has the final heads and the seal.
	Anchored bool `json:"anchored"`
}

// Client asks over HTTP. Safe for concurrent use.
type Client struct {
	*node.Copies
	id, base string
	http     *http.Client
	apart    bool
}

var _ Instance = (*Client)(nil)

const (
	readTime  = 5 * time.Second
	sealTime  = 55 * time.Second // waits for an anchor
	maxAnswer = 16 << 20
)

// New does no I/O. base is https://host:port, or http on this machine; through signs the requests and carries them.
func New(id, base string, through http.RoundTripper) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("ingest %s: url %q must be http://host:port", id, base)
	}
	base = strings.TrimSuffix(base, "/")
	copies, err := node.NewCopies(id, base+node.IngestCopies, through)
	if err != nil {
		return nil, err
	}
	return &Client{Copies: copies, id: id, base: base, http: &http.Client{Transport: through,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("redirects are not followed") }}}, nil
}

// OtherStore says that the instance writes into another store than ours: how much it has stored says nothing of ours. Call it first.
func (c *Client) OtherStore() { c.apart = true }

// ID of the instance.
func (c *Client) ID() string { return c.id }

// Logs of a shipment.
func (c *Client) Logs(ctx context.Context, shipment string) ([]Log, error) {
	var page struct {
		Items []Log `json:"items"`
	}
	err := c.call(ctx, readTime, http.MethodGet, "/v1/logs?shipment="+url.QueryEscape(shipment), &page)
	for i := range page.Items {
		if c.apart {
			page.Items[i].Stored = nil
		}
	}
	return page.Items, known(err)
}

// Seal ends a shipment's logs.
func (c *Client) Seal(ctx context.Context, shipment string) (Sealed, error) {
	var s Sealed
	err := c.call(ctx, sealTime, http.MethodPost, "/v1/shipments/"+url.PathEscape(shipment)+"/seal", &s)
	if errors.Is(err, errUnknown) {
		return Sealed{Anchored: true}, nil
	}
	return s, err
}

// Assigned tells whether the instance knows of an assignment.
func (c *Client) Assigned(ctx context.Context, shipment, tracker string) (bool, error) {
	var a struct {
		Assigned bool `json:"assigned"`
	}
	err := c.call(ctx, readTime, http.MethodGet, "/v1/shipments/"+url.PathEscape(shipment)+"/trackers/"+url.PathEscape(tracker), &a)
	return a.Assigned, known(err)
}

// Rejected lists refusals.
func (c *Client) Rejected(ctx context.Context, tracker string, beforeNS int64, limit int, raw bool) ([]transfer.Rejected, error) {
	var page struct {
		Items []transfer.Rejected `json:"items"`
	}
	path := fmt.Sprintf("/v1/trackers/%s/rejected?limit=%d&before_ns=%d", url.PathEscape(tracker), limit, beforeNS)
	if raw {
		path += "&include=raw"
	}
	err := c.call(ctx, readTime, http.MethodGet, path, &page)
	return page.Items, known(err)
}

// errUnknown: the instance has not heard of the shipment or tracker, or its organisation is no party of it.
var errUnknown = errors.New("knows of no such thing")

// IsUnknown tells such an answer.
func IsUnknown(err error) bool { return errors.Is(err, errUnknown) }

// known takes that for no news.
func known(err error) error {
	if errors.Is(err, errUnknown) {
		return nil
	}
	return err
}

// Status is the instance's own report.
func (c *Client) Status(ctx context.Context) (json.RawMessage, error) {
	var raw json.RawMessage
	err := c.call(ctx, readTime, http.MethodGet, "/v1/status", &raw)
	return raw, err
}

func (c *Client) call(ctx context.Context, limit time.Duration, method, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, nil)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", problem.ErrIngest, c.id, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case err != nil:
		return fmt.Errorf("%w: %s: %w", problem.ErrIngest, c.id, err)
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests:
		return fmt.Errorf("%w: %s answered %s", problem.ErrIngest, c.id, resp.Status)
	case resp.StatusCode == http.StatusNotFound:
		return fmt.Errorf("ingest %s %w: %.200s", c.id, errUnknown, body)
	case resp.StatusCode != http.StatusOK:
		// We may not, or our request is wrong: trying again cannot help.
		return fmt.Errorf("ingest %s answered %s to %s: %.200s", c.id, resp.Status, path, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("ingest %s answered %s: %w", c.id, path, err)
	}
	return nil
}

// Consistency is the RFC 9162 proof of a heads log of the instance between two sizes: it has that of its present life.
func (c *Client) Consistency(ctx context.Context, heads string, first, second uint64) ([][32]byte, error) {
	var answer struct {
		Proof []string `json:"proof"`
	}
	path := fmt.Sprintf("/v1/proof/consistency?heads=%s&first=%d&second=%d", url.QueryEscape(heads), first, second)
	if err := c.call(ctx, readTime, http.MethodGet, path, &answer); err != nil {
		return nil, err
	}
	out := make([][32]byte, len(answer.Proof))
	for i, s := range answer.Proof {
		b, err := hex.DecodeString(s)
		if err != nil || len(b) != 32 {
			return nil, fmt.Errorf("ingest %s answered %s with %q, which is no hash", c.id, path, s)
		}
		out[i] = [32]byte(b)
	}
	return out, nil
}
