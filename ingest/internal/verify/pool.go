package verify

import (
	"context"
	"hash/maphash"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/ingest/internal/sequence"
)

// Pool verifies on several goroutines and keeps each tracker's messages in order: one tracker, one goroutine.
type Pool struct {
	Verifier *Verifier
	Workers  int
	// Depth is how many items may wait for one worker.
	Depth int
}

// Run moves items from in to out until in is closed or ctx ends. It closes out.
func (p *Pool) Run(ctx context.Context, in <-chan *sequence.Item, out chan<- *sequence.Item) error {
	defer close(out)
	shards := make([]chan *sequence.Item, p.Workers)
	g, ctx := errgroup.WithContext(ctx)
	for i := range shards {
		shard := make(chan *sequence.Item, p.Depth)
		shards[i] = shard
		g.Go(func() error {
			for it := range shard {
				p.Verifier.Verify(ctx, it)
				select {
				case out <- it:
				case <-ctx.Done():
					return nil
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		defer func() {
			for _, s := range shards {
				close(s)
			}
		}()
		seed := maphash.MakeSeed()
		for {
			select {
			case it, ok := <-in:
				if !ok {
					return nil
				}
				select {
				case shards[maphash.String(seed, trackerOf(it.Topic))%uint64(len(shards))] <- it:
				case <-ctx.Done():
					return nil
				}
			case <-ctx.Done():
				return nil
			}
		}
	})
	return g.Wait()
}

// trackerOf is the topic without its last level, so that a tracker's channels share a goroutine.
func trackerOf(topic string) string {
	if i := strings.LastIndexByte(topic, '/'); i >= 0 {
		return topic[:i]
	}
	return topic
}
