package mqtt

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// Partitions is the set of topic partitions that an ingest instance owns.
type Partitions [256]bool

// ParsePartitions reads "00-ff", "00-7f,c0" and the like.
func ParsePartitions(s string) (Partitions, error) {
	var p Partitions
	for part := range strings.SplitSeq(s, ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			last = first
		}
		a, errA := strconv.ParseUint(first, 16, 8)
		b, errB := strconv.ParseUint(last, 16, 8)
		if errA != nil || errB != nil || len(first) != 2 || len(last) != 2 || a > b {
			return p, fmt.Errorf("partitions %q: want ranges of two hex digits, as in 00-ff or 00-7f,c0", s)
		}
		for i := a; i <= b; i++ {
			p[i] = true
		}
	}
	return p, nil
}

// All reports whether no partition belongs to another instance.
func (p *Partitions) All() bool { return !slices.Contains(p[:], false) }

// Has reports whether topic is one of the filters': up, json or in/… of an owned partition.
func (p *Partitions) Has(topic string) bool {
	rest, ok := strings.CutPrefix(topic, telemetry.TopicPrefix)
	partition, rest, _ := strings.Cut(rest, "/")
	_, channel, _ := strings.Cut(rest, "/")
	if !ok || channel != telemetry.Up && channel != telemetry.JSON && !strings.HasPrefix(channel, telemetry.In+"/") {
		return false
	}
	i, err := strconv.ParseUint(partition, 16, 8)
	return err == nil && len(partition) == 2 && p[i]
}

// filters are the subscriptions: three when all partitions are owned, else three per partition.
func (p *Partitions) filters() map[string]byte {
	f := map[string]byte{}
	add := func(partition string) {
		f[telemetry.TopicPrefix+partition+"/+/"+telemetry.Up] = qos
		f[telemetry.TopicPrefix+partition+"/+/"+telemetry.JSON] = qos
		f[telemetry.TopicPrefix+partition+"/+/"+telemetry.In+"/#"] = qos
	}
	if p.All() {
		add("+")
		return f
	}
	for i, owned := range p {
		if owned {
			add(fmt.Sprintf("%02x", i))
		}
	}
	return f
}
