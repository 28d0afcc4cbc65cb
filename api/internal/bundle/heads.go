package bundle

import (
	"slices"

	"github.com/trackseal/trackseal/internal/stored"
)

// sealed drops what a store could hold beyond the closing record's head.
func (c *collector) sealed(l Log, heads []stored.Head) []stored.Head {
	if len(heads) == 0 {
		return nil
	}
	if c.request.Close == nil {
		return inOne(heads, heads[len(heads)-1].Heads)
	}
	for _, h := range c.request.Close.Heads {
		if h.Log != l.ID {
			continue
		}
		for i := range heads { // a later life of the instance anchors the final one once more
			if heads[i].Closed && heads[i].Size == h.Size && heads[i].Root == h.Root {
				return inOne(heads[:i+1], heads[i].Heads)
			}
		}
		return nil // the final one is not here yet
	}
	return nil // not named by the closing record: not of the shipment
}

// inOne are those in one heads log, in its order.
func inOne(heads []stored.Head, log string) []stored.Head {
	heads = slices.DeleteFunc(heads, func(h stored.Head) bool { return h.Heads != log })
	slices.SortFunc(heads, func(a, b stored.Head) int { return int(a.Index) - int(b.Index) })
	return heads
}

// sample keeps the first, the last, and evenly spaced ones between.
func sample(heads []stored.Head) []stored.Head {
	if len(heads) <= maxAnchors {
		return heads
	}
	out := make([]stored.Head, 0, maxAnchors)
	for i := range maxAnchors {
		out = append(out, heads[i*(len(heads)-1)/(maxAnchors-1)])
	}
	return out
}
