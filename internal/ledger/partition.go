package ledger

import (
	"context"
	"fmt"
	"slices"
)

// Serving says which of an operator's ingest instances takes the messages of which partitions of the MQTT topics. Each change of it is
// a new epoch. An anchor names the epoch that its instance knows, so that one that lost its partitions while it slept learns of it with its next anchor.
type Serving struct {
	Owner  string        `json:"owner"` // MSP id of the operator
	Epoch  uint64        `json:"epoch"` // 1, 2, …
	Ranges []ServedRange `json:"ranges"`
	TimeMS int64         `json:"time_ms"` // of the newest change
	Tx     string        `json:"tx"`
}

// Range are partitions, From to To, both among them.
type Range struct {
	From int `json:"from"` // 0 to 255
	To   int `json:"to"`
}

// ServedRange is a range and who serves it. Ranges of a Serving are in their order, and none overlap.
type ServedRange struct {
	From    int    `json:"from"`
	To      int    `json:"to"`
	Ingest  string `json:"ingest"` // instance id, without its life
	SinceMS int64  `json:"since_ms"`
}

// String is as in a configuration, 00-7f.
func (r Range) String() string {
	if r.From == r.To {
		return fmt.Sprintf("%02x", r.From)
	}
	return fmt.Sprintf("%02x-%02x", r.From, r.To)
}

// Of are the ranges of one instance, in their order.
func (s Serving) Of(ingest string) []Range {
	var own []Range
	for _, r := range s.Ranges {
		if r.Ingest == ingest {
			own = append(own, Range{r.From, r.To})
		}
	}
	return own
}

// Others are the ranges of other instances that have partitions of these, in their order.
func (s Serving) Others(ingest string, ranges []Range) []ServedRange {
	var others []ServedRange
	for _, r := range s.Ranges {
		overlaps := func(o Range) bool { return r.Ingest != ingest && r.From <= o.To && o.From <= r.To }
		if slices.ContainsFunc(ranges, overlaps) {
			others = append(others, r)
		}
	}
	return others
}

// MaxPartition is the last partition of the MQTT topics.
const MaxPartition = 255

// ClaimArgs makes Ranges those of an instance, instead of the ones that it had. Epoch is that of the operator's Serving as the caller knows it, 0 when there is none:
// CONFLICT when it is another, and when another instance serves one of the partitions, unless Take is set. Ranges that the instance has already
// are answered with the record, and nothing is written. No range gives up those that it has.
type ClaimArgs struct {
	Ingest string  `json:"ingest"` // instance id, without its life
	Ranges []Range `json:"ranges"` // in their order, with at least a partition between two
	Epoch  uint64  `json:"epoch"`
	Take   bool    `json:"take,omitempty"`
}

func (a ClaimArgs) Validate() error {
	if a.Epoch > maxNumber {
		return invalid("epoch is out of range")
	}
	for i, r := range a.Ranges {
		switch {
		case r.From < 0 || r.To > MaxPartition || r.From > r.To:
			return invalid("ranges: %d to %d is no range within 0 to %d", r.From, r.To, MaxPartition)
		case i > 0 && r.From <= a.Ranges[i-1].To+1:
			return invalid("ranges must be in their order with a partition between two: %s after %s", r, a.Ranges[i-1])
		}
	}
	return checkInstance("ingest", a.Ingest)
}

// MSPArgs names an organisation.
type MSPArgs struct {
	MSP string `json:"msp"`
}

func (a MSPArgs) Validate() error { return checkID("msp", a.MSP) }

// ServingOf asks who serves which of an operator's partitions. Epoch is 0 when nobody has claimed any.
func ServingOf(ctx context.Context, l Evaluator, msp string) (Serving, error) {
	s, err := PartitionGet.Ask(ctx, l, MSPArgs{MSP: msp})
	if CodeOf(err) == NotFound {
		return Serving{Owner: msp}, nil
	}
	return s, err
}
