package fleet

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDamagedStateIsNamed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "slot-1.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := readPlace(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error that names %s", err, path)
	}
}

func TestPlanHasShipmentsInEveryState(t *testing.T) {
	kinds := make(map[Kind]int)
	ahead, lazy := 0, 0
	for n := range 6 {
		kind, start, a, l := plan(n, 6)
		kinds[kind]++
		if start < 0 || start >= 1 {
			t.Errorf("slot %d starts at %v", n, start)
		}
		if a {
			ahead++
		}
		if l {
			lazy++
		}
	}
	if kinds[DoorOpen] != 1 || kinds[Outage] != 1 || kinds[Plain] != 1 || kinds[Normal] != 3 || ahead != 1 || lazy != 1 {
		t.Errorf("kinds %v, %d ahead, %d lazy", kinds, ahead, lazy)
	}
}
