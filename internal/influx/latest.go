package influx

import (
	"context"
	"fmt"
	"strings"

	"github.com/trackseal/trackseal/internal/stored"
)

// Latest answers the newest value of each quantity of a log, with the time, tracker and leaf of the newest reading among
// them; ok is false for a log without readings.
func (c *Client) Latest(ctx context.Context, log string) (r stored.Reading, ok bool, err error) {
	where := anyOf("log", []string{log}) + " AND " + within(minNS, maxNS)
	var newest []string
	for _, name := range quantities(nil) {
		newest = append(newest, fmt.Sprintf(`last(%[1]s) AS %[1]s`, idents(name)))
	}
	r = stored.Reading{Log: log, Values: map[string]float64{}}
	err = c.query(ctx, fmt.Sprintf("SELECT last(leaf) AS leaf, tracker FROM reading WHERE %s; SELECT %s FROM reading WHERE %s", where, strings.Join(newest, ", "), where), func(x row) error {
		if x.statement > 0 {
			return readValues(x, r.Values)
		}
		leaf, err := x.int("leaf")
		if err != nil {
			return err
		}
		ns, err := x.ns()
		ok, r.Leaf, r.Tracker, r.TimeMS = true, uint64(leaf), x.text("tracker"), ns/1e6
		return err
	})
	return r, ok, err
}
