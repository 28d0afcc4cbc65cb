package ingestclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/internal/stored/transfer"
)

// pageTime is how long a page may take: an answer that never ends ends with it.
const pageTime = 30 * time.Second

// NewHeads are those from an index on of all logs that this organisation may read.
func (c *Client) NewHeads(ctx context.Context, from uint64, sinceMS int64) (transfer.Heads, error) {
	return page(ctx, c, fmt.Sprintf("/v1/heads?from=%d&since_ms=%d", from, max(sinceMS, 0)), transfer.DecodeHeads)
}

// LogHeads are those from an index on of one log.
func (c *Client) LogHeads(ctx context.Context, log string, from uint64) (transfer.Heads, error) {
	return page(ctx, c, fmt.Sprintf("/v1/logs/%s/heads?from=%d", url.PathEscape(log), from), transfer.DecodeHeads)
}

// Messages are leaves of a log, or their entries alone.
func (c *Client) Messages(ctx context.Context, log string, from, to uint64, entries bool) (transfer.Messages, error) {
	path := fmt.Sprintf("/v1/logs/%s/messages?from=%d&to=%d", url.PathEscape(log), from, to)
	if entries {
		path += "&entries=1"
	}
	return page(ctx, c, path, transfer.DecodeMessages)
}

// Quality of a tracker's readings.
func (c *Client) Quality(ctx context.Context, tracker string, fromMS, toMS int64) (transfer.Quality, error) {
	return page(ctx, c, fmt.Sprintf("/v1/trackers/%s/quality?from=%d&to=%d", url.PathEscape(tracker), fromMS, toMS), transfer.DecodeQuality)
}

// Outside are the signed messages around a shipment.
func (c *Client) Outside(ctx context.Context, shipment string, size uint64) (transfer.Outside, error) {
	return page(ctx, c, fmt.Sprintf("/v1/shipments/%s/outside?size=%d", url.PathEscape(shipment), size), transfer.DecodeOutside)
}

// page asks for one of the forms of package transfer. Its errors are that package's where the instance has answered.
func page[T any](ctx context.Context, c *Client, path string, decode func([]byte) (T, error)) (T, error) {
	var none T
	ctx, cancel := context.WithTimeout(ctx, pageTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return none, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return none, fmt.Errorf("%w: %s: %w", problem.ErrIngest, c.id, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, transfer.MaxAnswer+1))
	switch {
	case err != nil:
		return none, fmt.Errorf("%w: %s: %w", problem.ErrIngest, c.id, err)
	case resp.StatusCode == http.StatusNotFound:
		return none, fmt.Errorf("%s: %w", c.id, transfer.ErrNone)
	case resp.StatusCode == http.StatusConflict:
		return none, fmt.Errorf("%s: %w", c.id, transfer.ErrFar)
	case resp.StatusCode != http.StatusOK:
		return none, fmt.Errorf("%w: %s answered %s: %.200s", problem.ErrIngest, c.id, resp.Status, body)
	case len(body) > transfer.MaxAnswer:
		return none, fmt.Errorf("%s: %w: more than %d bytes", c.id, transfer.ErrForm, transfer.MaxAnswer)
	}
	answer, err := decode(body)
	if errors.Is(err, transfer.ErrForm) {
		err = fmt.Errorf("%s: %w", c.id, err)
	}
	return answer, err
}
