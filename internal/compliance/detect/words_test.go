package detect

import "testing"

func TestSpan(t *testing.T) {
	for ms, want := range map[int64]string{
		0: "0 s", 999: "0.999 s", 59_003: "59.003 s", 60_000: "1 min", 200_000: "3 min 20 s", 3_600_000: "1 h", 93_900_000: "26 h 5 min",
		100 * 3_600_000: "4 d 4 h", 30 * 86_400_000: "30 d",
	} {
		if got := Span(ms); got != want {
			t.Errorf("Span(%d) = %q, want %q", ms, got, want)
		}
	}
}
