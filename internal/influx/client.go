// Package influx is the only importer of influxdb-client-go: it writes and reads the points of docs/formats.md. Works with
// InfluxDB 1.8 (token user:password, bucket db/rp) and 2.x. Queries are Flux, parameters are escaped, never pasted.
package influx

import (
	"context"
	"errors"
	"time"
)

// Config of the connection.
type Config struct {
	URL       string `yaml:"url"`
	Org       string `yaml:"org"`        // "" for 1.8
	Bucket    string `yaml:"bucket"`     // db/rp for 1.8
	TokenFile string `yaml:"token_file"` // holds user:password or a 2.x token
}

// Client is safe for concurrent use.
type Client struct{}

func Open(cfg Config) (*Client, error)           { panic("todo") }
func (c *Client) Close()                         { panic("todo") }
func (c *Client) Ping(ctx context.Context) error { panic("todo") }

// ErrUnavailable: try the same batch again later.
var ErrUnavailable = errors.New("influxdb unavailable")

// Point is one point to write. Field values are int64, float64, string or bool.
type Point struct {
	Measurement string
	Tags        map[string]string
	Fields      map[string]any
	Time        time.Time
}

// RejectedError: InfluxDB refused the batch for what is in it; writing it again cannot help. Split and quarantine.
type RejectedError struct{ Detail string }

func (e *RejectedError) Error() string { return "influxdb rejected the batch: " + e.Detail }

// Write stores all points or says why not: ErrUnavailable or *RejectedError. Writing the same points twice changes nothing.
func (c *Client) Write(ctx context.Context, points []Point) error { panic("todo") }

// Message is a `message` point read back.
type Message struct {
	Log        string
	Leaf       uint64
	Entry, Raw []byte
	Tracker    string
	Shipment   string
	Trust      string
	Boot, Seq  uint64
	Kind       int
	TimeMS     int64
	ReceivedMS int64
	Flags      []string
	Readings   int
}

// Messages calls fn for the leaves [from, to) of a log in leaf order; to 0 means all. fn's error stops it.
func (c *Client) Messages(ctx context.Context, log string, from, to uint64, fn func(Message) error) error {
	panic("todo")
}

// Reading is a `reading` point read back.
type Reading struct {
	Log, Tracker string
	Leaf         uint64
	TimeMS       int64
	Values       map[string]float64
}

// ReadingsQuery selects readings of one or more logs in a time range [FromMS, ToMS), ToMS 0 = no end.
type ReadingsQuery struct {
	Logs         []string
	FromMS, ToMS int64
	Fields       []string  // quantity names; nil = all
	Limit        int       // 0 = no limit
	AfterTime    time.Time // exclusive cursor: (AfterTime, AfterTracker)
	AfterTracker string
}

// Readings calls fn in (time, tracker) order.
func (c *Client) Readings(ctx context.Context, q ReadingsQuery, fn func(Reading, time.Time) error) error {
	panic("todo")
}

// Bucketed is one downsampled window: minimum, maximum, mean and count by quantity.
type Bucketed struct {
	Tracker        string
	FromMS, ToMS   int64
	Min, Max, Mean map[string]float64
	Count          map[string]int64
}

// Downsample answers windows of every in (time, tracker) order.
func (c *Client) Downsample(ctx context.Context, q ReadingsQuery, every time.Duration, fn func(Bucketed) error) error {
	panic("todo")
}

// Head is a `head` point read back.
type Head struct {
	Heads, Log  string
	Index, Size uint64
	Root        string
	Prev        int64
	Closed      bool
	Entry       []byte
	HeadsSize   uint64
	HeadsRoot   string
	Tx          string
	Block       uint64
	Proof       [][32]byte
	TimeMS      int64
}

// Heads returns the heads of a log, oldest first.
func (c *Client) Heads(ctx context.Context, log string) ([]Head, error) { panic("todo") }

// Rejected is a quarantined message.
type Rejected struct {
	Reason, Topic, Detail string
	Raw                   []byte
	ReceivedMS            int64
}

// RejectedSince returns at most limit, newest first.
func (c *Client) RejectedSince(ctx context.Context, fromMS int64, limit int) ([]Rejected, error) {
	panic("todo")
}
