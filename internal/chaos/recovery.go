package chaos

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/account"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Recovery is how long it took from the end of a fault until all that had been sent by then had arrived.
type Recovery struct {
	Fault    string
	Acked    time.Duration // acknowledged by ingest
	Anchored time.Duration // in InfluxDB, and below a head that the ledger has
}

// recovered waits for it. The fault ended at a time that was just now.
func (s *Stack) recovered(ctx context.Context, w *sending, ended time.Time, bound time.Duration) (r Recovery, err error) {
	if err := w.read(); err != nil {
		return r, err
	}
	open := map[telemetry.Hash]bool{}      // sent, not acknowledged
	newest := map[string]account.Message{} // by tracker
	for m := range w.journal.Book.Messages() {
		if !m.Acked {
			open[m.Hash] = true
		}
		if at, ok := newest[m.Tracker]; !ok || at.Position.Less(m.Position) {
			newest[m.Tracker] = m
		}
	}
	left := time.Until(ended.Add(bound))
	if err := until(ctx, left, "all that was sent is acknowledged", func() error {
		if err := w.read(); err != nil {
			return err
		}
		for m := range w.journal.Book.Messages() {
			if m.Acked {
				delete(open, m.Hash)
			}
		}
		if len(open) > 0 {
			return fmt.Errorf("%d messages are not", len(open))
		}
		return nil
	}); err != nil {
		return r, err
	}
	r.Acked = time.Since(ended)
	err = until(ctx, max(0, time.Until(ended.Add(bound))), "all that was sent is stored and anchored", func() error {
		for tracker, m := range newest {
			if err := s.anchored(ctx, m); err != nil {
				return fmt.Errorf("%s %d/%d: %w", tracker, m.Boot, m.Seq, err)
			}
			delete(newest, tracker) // a leaf comes after all earlier ones of its log, and an anchor covers them all
		}
		return nil
	})
	r.Anchored = time.Since(ended)
	return r, err
}

// anchored tells why a message is not in InfluxDB below a head.
func (s *Stack) anchored(ctx context.Context, m account.Message) error {
	rows, err := s.ask(ctx, fmt.Sprintf(`SELECT leaf, boot, seq FROM message WHERE tracker = %s AND boot = %d AND seq = %d GROUP BY "log"`, quote(m.Tracker), m.Boot, m.Seq))
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return fmt.Errorf("not in InfluxDB")
	}
	for _, row := range rows {
		log, _ := row["log"].(string)
		size, err := s.headOf(ctx, log)
		if err != nil {
			return err
		}
		if leaf := whole(row["leaf"]); size <= leaf {
			return fmt.Errorf("leaf %d of log %.16s is above its anchored head of %d", leaf, log, size)
		}
	}
	return nil
}

// headOf is the size of a log's newest head in InfluxDB; 0 = none. Ingest writes a head there when its anchor is on the ledger.
func (s *Stack) headOf(ctx context.Context, log string) (uint64, error) {
	rows, err := s.ask(ctx, fmt.Sprintf(`SELECT max(size) AS size FROM head WHERE "log" = %s`, quote(log)))
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	return whole(rows[0]["size"]), nil
}

func quote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}

func whole(v any) uint64 {
	f, _ := v.(float64)
	return uint64(f)
}
