// Package influx is the only importer of influxdb-client-go: it writes and reads the points of docs/formats.md. Works with
// InfluxDB 1.8 (token user:password, bucket db/rp) and 2.x (a bucket that is mapped to a database of its name). Queries are
// InfluxQL, which InfluxDB 3 has too, Flux not; texts in them are quoted, never pasted.
package influx

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api"
	apihttp "github.com/influxdata/influxdb-client-go/v2/api/http"

	"github.com/trackseal/trackseal/internal/secure"
	"github.com/trackseal/trackseal/internal/stored"
)

// Config of the connection.
type Config struct {
	URL       string `yaml:"url"`
	Org       string `yaml:"org"`        // "" for 1.8
	Bucket    string `yaml:"bucket"`     // db/rp for 1.8
	TokenFile string `yaml:"token_file"` // holds user:password or a 2.x token; mode 0600

	Client secure.Client `yaml:",inline"` // ca, cert, key, insecure
}

var _ stored.Store = (*Client)(nil)

// Client is safe for concurrent use.
type Client struct {
	db        influxdb2.Client
	transport *http.Transport
	write     api.WriteAPIBlocking
	queryURL  string
	database  string
	policy    string // "" = the database's default
}

const (
	writeTimeout = 30 * time.Second // one batch
	pingTimeout  = 5 * time.Second
)

// Open reads the token and prepares the client; it does not dial.
func Open(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("influxdb url %q: want http://host:port", cfg.URL)
	}
	if cfg.Bucket == "" {
		return nil, errors.New("influxdb bucket is empty: want db/retention-policy for 1.8, a bucket name for 2.x")
	}
	if err := cfg.Client.Check("influx.url", cfg.URL); err != nil {
		return nil, err
	}
	token, err := secure.Secret(cfg.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("influxdb token_file: %w", err)
	}
	transport, err := cfg.Client.Transport()
	if err != nil {
		return nil, fmt.Errorf("influxdb: %w", err)
	}
	transport.MaxIdleConnsPerHost = 16
	// Between two processes of one machine, compressing answers only costs.
	transport.DisableCompression = secure.Local(u.Host)
	opts := influxdb2.DefaultOptions().
		SetPrecision(time.Nanosecond).
		SetLogLevel(0).
		// No overall timeout: writes and queries have their own.
		SetHTTPClient(&http.Client{Transport: transport})
	db := influxdb2.NewClientWithOptions(cfg.URL, token, opts)
	database, policy, _ := strings.Cut(cfg.Bucket, "/")
	return &Client{
		db:        db,
		transport: transport,
		write:     db.WriteAPIBlocking(cfg.Org, cfg.Bucket),
		queryURL:  strings.TrimSuffix(db.HTTPService().ServerURL(), "/") + "/query",
		database:  database,
		policy:    policy,
	}, nil
}

// Close frees the idle connections.
func (c *Client) Close() {
	c.db.Close()
	c.transport.CloseIdleConnections()
}

// Ping asks whether the server is there. It does not check the token.
func (c *Client) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	ok, err := c.db.Ping(ctx)
	if err != nil {
		return fmt.Errorf("%w: %s", stored.ErrUnavailable, err.Error())
	}
	if !ok {
		return fmt.Errorf("%w: ping refused", stored.ErrUnavailable)
	}
	return nil
}

// contentRefusals are the texts that name a fault of the points themselves. Any other 400 (a series limit, a timeout
// inside the server) is the server's state: retrying may help and quarantining good data would not.
var contentRefusals = []string{
	"unable to parse", "field type conflict", "beyond retention policy", "invalid", "input field", "points dropped",
}

// writeError turns what the library says into what the caller can do. A wrong token or a missing database is
// ErrUnavailable: the points are good, an operator has to repair the server.
func writeError(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*apihttp.Error](err); ok {
		if e.Err != nil && e.StatusCode == 0 {
			return unavailable(e.Err)
		}
		detail := strings.TrimSpace(fmt.Sprintf("%d %s", e.StatusCode, e.Message))
		switch e.StatusCode {
		case http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
			return &stored.RejectedError{Detail: detail}
		case http.StatusBadRequest:
			// The text limits of 1.8 ("max-series-per-database limit exceeded") come as "partial write ... points dropped" too.
			if !strings.Contains(e.Message, "limit exceeded") {
				for _, t := range contentRefusals {
					if strings.Contains(e.Message, t) {
						return &stored.RejectedError{Detail: detail}
					}
				}
			}
		}
		return fmt.Errorf("%w: %s", stored.ErrUnavailable, detail)
	}
	return unavailable(err)
}

// unavailable keeps a cancellation recognisable, so that a shutdown is not reported as an outage.
func unavailable(err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: %w", stored.ErrUnavailable, err)
	}
	return fmt.Errorf("%w: %s", stored.ErrUnavailable, err.Error())
}
