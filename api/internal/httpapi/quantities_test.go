package httpapi_test

import (
	"testing"

	"github.com/trackseal/trackseal/internal/telemetry"
)

func TestQuantities(t *testing.T) {
	var list struct {
		Items []struct {
			Name, Label, Unit, Symbol string
			Derived                   bool
			Accepted, Plausible       struct{ Min, Max float64 }
		}
		Next string
	}
	newWorld(t).must(200, "GET", "/v1/quantities", "").into(&list)
	if len(list.Items) != telemetry.Measured+1 || list.Next != "" {
		t.Fatalf("%d quantities and next %q; expected the %d of telemetry, acceleration, and no next page", len(list.Items), list.Next, telemetry.Measured)
	}
	for i, q := range append(telemetry.Quantities, telemetry.Acceleration) {
		got := list.Items[i]
		if got.Name != q.Name || got.Label != q.Label || got.Unit != q.Unit || got.Symbol != q.Symbol {
			t.Errorf("number %d is %+v, expected %+v", i, got, q)
		}
		if got.Accepted.Min != q.Min || got.Accepted.Max != q.Max || got.Plausible.Min != q.Low || got.Plausible.Max != q.High {
			t.Errorf("%s has bounds %+v, expected %+v", q.Name, got, q)
		}
		if got.Derived != (i == telemetry.Measured) {
			t.Errorf("%s: derived is %v", q.Name, got.Derived)
		}
	}
}
