package ledger

import "testing"

func TestEndorsersNeeded(t *testing.T) {
	for n, want := range map[int]int{0: 1, 1: 1, 2: 2, 3: 2, 4: 2, 5: 3, 6: 3, 7: 4, 8: 4, 9: 5, 10: 5, 11: 5, 64: 5} {
		if got := EndorsersNeeded(n); got != want {
			t.Errorf("%d node members: %d endorse, want %d", n, got, want)
		}
	}
}

func TestMajority(t *testing.T) {
	for n, want := range map[int]int{1: 1, 2: 2, 3: 2, 4: 3, 5: 3} {
		if got := Majority(n); got != want {
			t.Errorf("of %d: %d, want %d", n, got, want)
		}
	}
}
