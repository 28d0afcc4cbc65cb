package testkit

import (
	"os"
	"os/exec"
	"testing"
)

// Python is the system's interpreter, with the packages that docs/devices needs. Where it lacks them the test is skipped, but not in CI.
func Python(t testing.TB) string {
	t.Helper()
	const python = "/usr/bin/python3"
	if out, err := exec.Command(python, "-c", "import cbor2, cryptography, paho.mqtt.client").CombinedOutput(); err != nil {
		const needs = "needs Debian's python3-paho-mqtt, python3-cryptography and python3-cbor2"
		if os.Getenv("TRACKSEAL_REQUIRE") != "" {
			t.Fatalf("%s: %v\n%s", needs, err, out)
		}
		t.Skip(needs)
	}
	return python
}
