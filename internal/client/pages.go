package client

import (
	"context"
	"iter"
)

// pages walks a listing: fetch answers the page at a cursor, "" for the first, and the next one's, "" after the last. The walk
// ends at the first error.
func pages[T any](fetch func(cursor string) ([]T, string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for cursor := ""; ; {
			items, next, err := fetch(cursor)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			cursor = next
		}
	}
}

// Messages walks all messages of a shipment, in the largest pages that the API allows.
func (c *Client) Messages(ctx context.Context, shipment string) iter.Seq2[Message, error] {
	return pages(func(cursor string) ([]Message, string, error) {
		page, err := c.ListMessages(ctx, shipment, ListMessagesParams{Limit: 1000, Cursor: cursor})
		return page.Items, page.Next, err
	})
}

// Readings walks the raw readings of a shipment that p chooses.
func (c *Client) Readings(ctx context.Context, shipment string, p GetTelemetryParams) iter.Seq2[Reading, error] {
	return pages(func(cursor string) ([]Reading, string, error) {
		p.Limit, p.Cursor = 5000, cursor
		page, err := c.GetTelemetry(ctx, shipment, p)
		return page.Items, page.Next, err
	})
}
