package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/stored/copying"
	"github.com/trackseal/trackseal/internal/stored/transfer"
)

// Where copies are served, below a node's URL.
const (
	IngestCopies = "/v1"      // by an ingest instance, of its logs
	APICopies    = "/v1/node" // by a member's API, of what its store has
)

// Copies asks one node for what it holds of logs. Errors are those of package transfer where the node has answered, all others say that it
// cannot be asked. Safe for concurrent use.
type Copies struct {
	name, base string
	http       *http.Client
}

// pageTime is how long a page may take: an answer that never ends ends with it.
const pageTime = 30 * time.Second

// NewCopies does no I/O. name is whose words the answers are; base is https://host:port, or http on this machine, with IngestCopies or
// APICopies behind it; through signs the requests and carries them.
func NewCopies(name, base string, through http.RoundTripper) (*Copies, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%s: url %q must be http://host:port or https://host:port", name, base)
	}
	return &Copies{name, strings.TrimSuffix(base, "/"), &http.Client{Transport: through,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("redirects are not followed") }}}, nil
}

// Name of the node.
func (c *Copies) Name() string { return c.name }

// NewHeads are those from an index on of all logs that this organisation may read. Only an ingest instance gives them.
func (c *Copies) NewHeads(ctx context.Context, from uint64, sinceMS int64) (transfer.Heads, error) {
	return page(ctx, c, fmt.Sprintf("/heads?from=%d&since_ms=%d", from, max(sinceMS, 0)), transfer.DecodeHeads)
}

// LogHeads are those from an index on of one log.
func (c *Copies) LogHeads(ctx context.Context, of copying.Ref, from uint64) (transfer.Heads, error) {
	return page(ctx, c, fmt.Sprintf("/logs/%s/heads?from=%d&%s", url.PathEscape(of.Log), from, naming(of)), transfer.DecodeHeads)
}

// Messages are leaves of a log, or their entries alone.
func (c *Copies) Messages(ctx context.Context, of copying.Ref, from, to uint64, entries bool) (transfer.Messages, error) {
	path := fmt.Sprintf("/logs/%s/messages?from=%d&to=%d&%s", url.PathEscape(of.Log), from, to, naming(of))
	if entries {
		path += "&entries=1"
	}
	return page(ctx, c, path, transfer.DecodeMessages)
}

// naming says whose log it is: an id alone does not tell a node that has not written it.
func naming(of copying.Ref) string {
	whose := "tracker"
	if of.Kind == anchor.Shipment {
		whose = "shipment"
	}
	return url.Values{whose: {of.ID}, "ingest": {of.Ingest}, "heads": {of.Heads}}.Encode()
}

// Quality of a tracker's readings.
func (c *Copies) Quality(ctx context.Context, tracker string, fromMS, toMS int64) (transfer.Quality, error) {
	return page(ctx, c, fmt.Sprintf("/trackers/%s/quality?from=%d&to=%d", url.PathEscape(tracker), fromMS, toMS), transfer.DecodeQuality)
}

// Outside are the signed messages around a shipment.
func (c *Copies) Outside(ctx context.Context, shipment string, size uint64) (transfer.Outside, error) {
	return page(ctx, c, fmt.Sprintf("/shipments/%s/outside?size=%d", url.PathEscape(shipment), size), transfer.DecodeOutside)
}

// page asks for one of the forms of package transfer.
func page[T any](ctx context.Context, c *Copies, path string, decode func([]byte) (T, error)) (T, error) {
	var none T
	ctx, cancel := context.WithTimeout(ctx, pageTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return none, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return none, fmt.Errorf("%s: %w", c.name, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, transfer.MaxAnswer+1))
	switch {
	case err != nil:
		return none, fmt.Errorf("%s: %w", c.name, err)
	case resp.StatusCode == http.StatusNotFound:
		return none, fmt.Errorf("%s: %w", c.name, transfer.ErrNone)
	case resp.StatusCode == http.StatusConflict:
		return none, fmt.Errorf("%s: %w", c.name, transfer.ErrFar)
	case resp.StatusCode != http.StatusOK:
		return none, fmt.Errorf("%s answered %s: %.200s", c.name, resp.Status, body)
	case len(body) > transfer.MaxAnswer:
		return none, fmt.Errorf("%s: %w: more than %d bytes", c.name, transfer.ErrForm, transfer.MaxAnswer)
	}
	answer, err := decode(body)
	if errors.Is(err, transfer.ErrForm) {
		err = fmt.Errorf("%s: %w", c.name, err)
	}
	return answer, err
}
