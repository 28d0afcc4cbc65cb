package testkit

import (
	"os"
	"os/exec"
	"testing"
)

// MosquittoPub is the path of a client that others wrote, in all versions of the protocol. Where the machine has none the test is
// skipped, but not in CI.
func MosquittoPub(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("mosquitto_pub")
	if err != nil {
		if os.Getenv("TRACKSEAL_REQUIRE") != "" {
			t.Fatal("needs mosquitto_pub in PATH")
		}
		t.Skip("needs mosquitto_pub in PATH")
	}
	return path
}
