package ledger

import (
	"slices"
	"testing"
)

func TestLives(t *testing.T) {
	for _, tc := range []struct {
		id, instance string
		life         int
	}{
		{"carrier.ingest-1", "carrier.ingest-1", 1},
		{"carrier.ingest-1.life-2", "carrier.ingest-1", 2},
		{"carrier.ingest-1.life-100", "carrier.ingest-1", 100},
		{"carrier.ingest-1.life-101", "carrier.ingest-1.life-101", 1},
		{"carrier.ingest-1.life-1", "carrier.ingest-1.life-1", 1},
		{"carrier.ingest-1.life-02", "carrier.ingest-1.life-02", 1},
		{"carrier.ingest-1.life-+2", "carrier.ingest-1.life-+2", 1},
		{"carrier.ingest-1.life-", "carrier.ingest-1.life-", 1},
		{".life-2", ".life-2", 1},
		{"", "", 1},
	} {
		instance, life := LifeOf(tc.id)
		if instance != tc.instance || life != tc.life || LifeID(instance, life) != tc.id {
			t.Errorf("%q is life %d of %q and back %q, expected life %d of %q", tc.id, life, instance, LifeID(instance, life), tc.life, tc.instance)
		}
	}
	if got, want := Lives("a.b.life-3"), []string{"a.b", "a.b.life-2", "a.b.life-3"}; !slices.Equal(got, want) {
		t.Errorf("got %v, expected %v", got, want)
	}
	if IsLater("a.b", "a.b") || !IsLater("a.b.life-2", "a.b") || IsLater("a.b", "a.b.life-2") || IsLater("a.c.life-2", "a.b") {
		t.Error("IsLater is wrong")
	}
}
