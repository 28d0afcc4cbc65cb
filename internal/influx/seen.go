package influx

import (
	"context"
	"fmt"
	"strings"

	"github.com/trackseal/trackseal/internal/stored"
)

// Seen calls fn for the newest messages of each tracker. fn's error stops it.
func (c *Client) Seen(ctx context.Context, q stored.SeenQuery, fn func(stored.Seen) error) error {
	start, stop := span(q.FromMS, 0)
	where := within(start, stop)
	if q.Tracker != "" {
		where += " AND tracker = " + quote(q.Tracker)
	}
	if q.Logs != nil {
		if len(q.Logs) == 0 {
			return nil
		}
		where += " AND " + anyOf("log", q.Logs)
	}
	columns := []string{"leaf", "time_ms", "trust"}
	if q.Raw {
		columns = append(columns, "raw")
	}
	page, err := gather(ctx, c, fmt.Sprintf("SELECT %s FROM message WHERE %s GROUP BY tracker ORDER BY time DESC LIMIT %d", idents(columns...), where, q.Each), func(r *row) stored.Seen {
		s := stored.Seen{Tracker: r.tags["tracker"], Trust: r.text("trust"), Leaf: uint64(r.int("leaf")), TimeMS: r.int("time_ms"), ReceivedMS: r.ns() / 1e6}
		if q.Raw {
			s.Raw = r.bytes("raw")
		}
		return s
	})
	if err != nil {
		return err
	}
	return inTurn(page, fn)
}

// LastValues calls fn for the newest value of each of the quantities of each tracker. fn's error stops it.
func (c *Client) LastValues(ctx context.Context, names []string, fromMS int64, fn func(stored.Reading) error) error {
	start, stop := span(fromMS, 0)
	var statements []string
	for _, name := range names {
		statements = append(statements, fmt.Sprintf(`SELECT last(%[1]s) AS %[1]s, leaf, log FROM reading WHERE %[2]s GROUP BY tracker`, idents(name), within(start, stop)))
	}
	page, err := gather(ctx, c, strings.Join(statements, "; "), func(r *row) stored.Reading {
		v := stored.Reading{Tracker: r.tags["tracker"], Log: r.text("log"), Leaf: uint64(r.int("leaf")), TimeMS: r.ns() / 1e6, Values: map[string]float64{}}
		if name := names[r.statement]; r.has(name) {
			v.Values[name] = r.float(name)
		}
		return v
	})
	if err != nil {
		return err
	}
	return inTurn(page, fn)
}
