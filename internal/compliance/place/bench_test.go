package place

import (
	"testing"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

func BenchmarkDistance(b *testing.B) {
	for b.Loop() {
		between(52_500_000, 13_400_000, 48_100_000, 11_500_000)
	}
}

func BenchmarkGeofenceStep(b *testing.B) {
	d, err := Geofence{Fences: yard, Forbid: Outside}.Detector(&detect.Journey{}, "", 300_000)
	if err != nil {
		b.Fatal(err)
	}
	p := north(0, 100)
	for b.Loop() {
		p.MS += 1000
		d.Step(&p)
	}
}
