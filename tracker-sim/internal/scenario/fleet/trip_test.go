package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/telemetry"
)

func moments(kind Kind, shipment string, tracker int) []Moment {
	t := NewTrip(7, shipment, len(shipment)+int(shipment[len(shipment)-1]), tracker, kind, Pace{Speed: 60})
	var out []Moment
	for t.At() < t.Total() {
		out = append(out, t.Next())
	}
	return out
}

func digest(ms []Moment) string {
	h := sha256.New()
	for _, m := range ms {
		b, _ := json.Marshal(m)
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func TestSameSeedSameTrip(t *testing.T) {
	if a, b := digest(moments(Normal, "S-1", 0)), digest(moments(Normal, "S-1", 0)); a != b {
		t.Error("two runs of one trip differ")
	}
	if a, b := digest(moments(Normal, "S-1", 0)), digest(moments(Normal, "S-1", 1)); a == b {
		t.Error("two trackers of one shipment measure the same")
	}
}

// The schedule of a seed is part of what users rely on: a demonstration looks the same everywhere. Other processors may
// round the last bit otherwise.
func TestScheduleOfASeed(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the golden hash is of amd64; " + runtime.GOARCH + " may fuse multiplications")
	}
	const want = "2910912e892b68e98b7e76eeb995239fc7381b5bea307b7fe72e5f1687f0ddb8"
	if got := digest(moments(DoorOpen, "S-1-001", 1)[:300]); got != want {
		t.Errorf("the first 300 moments have hash %s, want %s", got, want)
	}
}

func TestSkipIsTheSameTripLater(t *testing.T) {
	full := moments(DoorOpen, "S-9", 0)
	trip := NewTrip(7, "S-9", 3+'9', 0, DoorOpen, Pace{Speed: 60})
	trip.Skip(full[199].At)
	if got, want := fmt.Sprint(trip.Next()), fmt.Sprint(full[200]); got != want {
		t.Errorf("after a skip:\n%s\nwant\n%s", got, want)
	}
}

// The trips of many shipments keep to the bounds of the quantities, and to their story: only a forgotten door warms the
// goods beyond 8 °C, and then for longer than the demonstration rules allow at the default speed.
func TestStories(t *testing.T) {
	for n := range 40 {
		id := fmt.Sprintf("S-%d", n)
		for _, kind := range []Kind{Normal, DoorOpen, Outage, Plain} {
			var warm, longest, silent int
			low, high := 99.0, -99.0
			for _, m := range moments(kind, id, 0) {
				for name, v := range m.Values {
					q, ok := telemetry.FindQuantity(name)
					if !ok || v < q.Min || v > q.Max {
						t.Fatalf("%s %s: %s = %v", id, kind, name, v)
					}
				}
				c := m.Values["temperature"]
				low, high = min(low, c), max(high, c)
				if c > 8 {
					warm++
					longest = max(longest, warm)
				} else {
					warm = 0
				}
				if !m.Radio {
					silent++
				}
				if m.Values["humidity"] > 90 {
					t.Errorf("%s %s: humidity %v", id, kind, m.Values["humidity"])
				}
			}
			if low < 2 {
				t.Errorf("%s %s: down to %.2f °C", id, kind, low)
			}
			if kind == DoorOpen && longest < 30 {
				t.Errorf("%s: warm for %d minutes only, up to %.2f °C", id, longest, high)
			}
			if kind != DoorOpen && longest > 0 {
				t.Errorf("%s %s: warm for %d minutes, up to %.2f °C", id, kind, longest, high)
			}
			if kind == Outage && silent < 90 {
				t.Errorf("%s: radio silent for %d minutes only", id, silent)
			}
		}
	}
}

func TestRoutesAreSane(t *testing.T) {
	for _, r := range Routes {
		legs := r.timetable(0)
		total := legs[len(legs)-1].begin + legs[len(legs)-1].length
		if total < 5*time.Hour || total > 20*time.Hour {
			t.Errorf("%s takes %s", r.Name, total)
		}
		for _, l := range legs {
			if l.length <= 0 {
				t.Errorf("%s: leg to %s takes %s", r.Name, l.to.Place, l.length)
			}
		}
	}
}
