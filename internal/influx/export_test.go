package influx

import (
	"context"
	"strings"
)

// Select answers the columns of each row as text, for tests.
func (c *Client) Select(ctx context.Context, query string, columns ...string) (rows [][]string, err error) {
	return gather(ctx, c, query, func(r *row) (cells []string) {
		for _, column := range columns {
			cells = append(cells, r.text(column))
		}
		return cells
	})
}

// Hold asks for far more than fits into the buffers on the way, says so at the first row, and takes no more until ctx ends.
func (c *Client) Hold(ctx context.Context, held chan<- bool) error {
	return c.query(ctx, strings.Repeat("SELECT * FROM reading;", 200), func(*row) {
		if held != nil {
			held <- true
			held = nil
		}
		<-ctx.Done()
	})
}
