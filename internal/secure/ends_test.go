package secure_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/secure"
	"github.com/trackseal/trackseal/internal/testkit"
)

// TestEnds: the time is the certificate's, and a file without one is no far future.
func TestEnds(t *testing.T) {
	cert, _ := testkit.NewAuthority(t).Issue("node")
	end, err := secure.Ends(cert)
	if left := time.Until(end); err != nil || left < 50*time.Minute || left > time.Hour {
		t.Errorf("ends in %s, %v; expected within the hour", left, err)
	}
	dir := t.TempDir()
	none := filepath.Join(dir, "none.pem")
	if err := os.WriteFile(none, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{none, filepath.Join(dir, "absent.pem")} {
		if end, err := secure.Ends(path); err == nil || !end.IsZero() {
			t.Errorf("%s: came %v, expected an error", path, end)
		}
	}
}
