package telemetry

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// The numbers are in journals and queues that an older program wrote.
func TestQuantityNumbersNeverChange(t *testing.T) {
	stored := []string{"temperature", "humidity", "accel_x", "accel_y", "accel_z", "shock", "shock_ms", "vibration", "tilt", "light", "door", "lat", "lon", "speed", "battery", "pressure", "co2", "voltage", "rssi"}
	if Measured < len(stored) {
		t.Fatalf("%d quantities are left of %d", Measured, len(stored))
	}
	for n, name := range stored {
		if Quantities[n].Name != name {
			t.Errorf("number %d is %s; what is stored under it is %s", n, Quantities[n].Name, name)
		}
	}
}

func TestQuantitiesMakeSense(t *testing.T) {
	seen := map[string]bool{Acceleration.Name: true}
	for n, q := range Quantities {
		if q.Name == "" || q.Unit == "" || q.Label == "" || seen[q.Name] {
			t.Errorf("number %d is not told or told twice: %+v", n, q)
		}
		seen[q.Name] = true
		if !(q.Min <= q.Low && q.Low < q.High && q.High <= q.Max) {
			t.Errorf("%s: what is plausible (%v … %v) must lie in what is accepted (%v … %v)", q.Name, q.Low, q.High, q.Min, q.Max)
		}
	}
}

// Each quantity has its row in docs/formats.md: number, name, unit, accepted, plausible.
func TestQuantitiesAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	rows := 0
	for line := range strings.Lines(string(doc)) {
		if strings.Count(line, " … ") == 2 && strings.HasPrefix(line, "| ") {
			rows++
		}
	}
	if rows != Measured {
		t.Errorf("docs/formats.md has %d rows of quantities, there are %d quantities", rows, Measured)
	}
	for n, q := range Quantities {
		row := fmt.Sprintf("| %d | %s | %s | %s … %s | %s … %s |", n, q.Name, q.Unit, number(q.Min), number(q.Max), number(q.Low), number(q.High))
		if !strings.Contains(string(doc), row) {
			t.Errorf("docs/formats.md lacks the row that begins with\n%s", row)
		}
	}
}
