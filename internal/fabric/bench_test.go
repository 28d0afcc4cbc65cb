package fabric

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
)

// BenchmarkStackSubmit measures submits in flight at the same time on a running stack: all orderers get a transaction, or one.
func BenchmarkStackSubmit(b *testing.B) {
	s := realStack(b)
	for _, everywhere := range []bool{true, false} {
		for _, parallel := range []int{1, 32} {
			b.Run(fmt.Sprintf("everywhere=%v/parallel=%d", everywhere, parallel), func(b *testing.B) {
				c := s.open(b, "carrier", "api")
				b.SetParallelism(parallel) // times GOMAXPROCS
				for !c.channel.isBFT() && b.Context().Err() == nil {
					time.Sleep(time.Millisecond)
				}
				if !everywhere {
					c.channel = newChannel()
					c.channel.learning.Lock() // by nobody
				}
				run := time.Now().UnixNano()
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for i := 0; pb.Next(); i++ {
						args := ledger.EnrolArgs{ID: fmt.Sprintf("carrier.bench-%x-%p-%d", run, pb, i), SecretHash: strings.Repeat("ab", 32)}
						if _, err := c.Submit(b.Context(), ledger.TrackerEnrol.Name(), args); err != nil {
							b.Error(err)
						}
					}
				})
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tx/s")
			})
		}
	}
}
