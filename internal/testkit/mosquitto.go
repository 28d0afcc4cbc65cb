package testkit

import (
	"os"
	"os/exec"
	"testing"
)

// MosquittoPub is the path of a client that others wrote, in all versions of the protocol. Where the machine has none the test is
// skipped, but not in CI.
func MosquittoPub(t testing.TB) string { return program(t, "mosquitto_pub") }

// Mosquitto is the path of a broker that others wrote.
func Mosquitto(t testing.TB) string { return program(t, "mosquitto") }

func program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	if err != nil {
		if os.Getenv("TRACKSEAL_REQUIRE") != "" {
			t.Fatalf("needs %s in PATH", name)
		}
		t.Skipf("needs %s in PATH", name)
	}
	return path
}
