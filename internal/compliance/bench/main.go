// Command bench measures the evaluator: what a reading costs after many others, what a late one costs, and what a live shipment
// takes in memory.
package main

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/detect"
)

const (
	start  = int64(1_700_000_000_000)
	minute = int64(60_000)
)

func newEvaluator(ref string) *compliance.Evaluator {
	rs, ok := compliance.Lookup(ref)
	if !ok {
		panic("no rule set " + ref)
	}
	e, err := compliance.New(rs, detect.Journey{FromMS: start, Trackers: []detect.Tracker{{ID: "T", Windows: []detect.Window{{FromMS: start}}}}})
	if err != nil {
		panic(err)
	}
	return e
}

// point is a reading of a trip at about 5 °C with an excursion now and then.
func point(i int64) detect.Point {
	v := 5 + float64(i*7919%100)/100
	if i%500 < 20 {
		v += 4
	}
	return detect.NewPoint(start+i*minute, [32]byte{byte(i), byte(i >> 8), byte(i >> 16), byte(i >> 24)}, map[string]float64{"temperature": v, "humidity": 50})
}

// cost of a reading when the last of n arrive, each followed by a result now and then: the evaluator of n readings takes batch
// more. The best of several rounds: others use the machine too.
func cost(e *compliance.Evaluator, from int64, batch int) float64 {
	points := make([]detect.Point, batch)
	for i := range points {
		points[i] = point(from + int64(i))
	}
	at := time.Now()
	for i := range points {
		e.Add("T", points[i])
		if i%256 == 255 {
			result(e)
		}
	}
	return float64(time.Since(at)) / float64(batch)
}

func result(e *compliance.Evaluator) {
	if _, err := e.Result(0); err != nil {
		panic(err)
	}
}

// at is the cost of a reading after n.
func at(n int64) float64 {
	const batch, rounds = 1024, 9
	e := newEvaluator("general-2-8@1")
	for i := range n {
		e.Add("T", point(i))
	}
	var costs []float64
	for r := range int64(rounds) {
		costs = append(costs, cost(e, n+r*batch, batch))
	}
	return slices.Min(costs)
}

// memory of one shipment in bytes, with a tracker that has reported n readings. Measured on many at once.
func memory(ref string, n int64) float64 {
	const shipments = 40
	var before, after runtime.MemStats
	all := make([]*compliance.Evaluator, shipments)
	runtime.GC()
	runtime.ReadMemStats(&before)
	for s := range all {
		all[s] = newEvaluator(ref)
		for i := range n {
			all[s].Add("T", point(i))
		}
		result(all[s])
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(all)
	return float64(after.HeapAlloc-before.HeapAlloc) / shipments
}

// late compares a reading that arrives as the oldest that is still accepted, with a result after each, to one in order.
func late() float64 {
	const rounds = 200
	measure := func(back int64) float64 {
		e := newEvaluator("general-2-8@1")
		for i := range int64(2000) {
			e.Add("T", point(2*i))
		}
		result(e)
		var costs []float64
		for r := range int64(rounds) {
			i := 2*(2000+r) - 1 - 2*back // between two that are there, or the newest
			p, next := point(i), point(2*(2000+r))
			begin := time.Now()
			e.Add("T", p)
			result(e)
			costs = append(costs, float64(time.Since(begin)))
			e.Add("T", next)
		}
		slices.Sort(costs)
		return costs[len(costs)/2]
	}
	return measure(compliance.Window/2-compliance.Checkpoint) / measure(0)
}

func main() {
	small, large := at(1_000), at(1_000_000)
	fmt.Printf("figure evaluate_1e6_vs_1e3 %.2f ratio\n", large/small)
	fmt.Printf("figure evaluate_reading %.2f us\n", large/1000)
	fmt.Printf("figure evaluate_late_vs_in_order %.1f ratio\n", late())
	fmt.Printf("figure evaluate_shipment_memory %.0f KiB\n", memory("general-2-8@1", 100_000)/1024)
	fmt.Printf("figure evaluate_shipment_memory_mkt %.0f KiB\n", memory("crt-us@1", 100_000)/1024)
}
