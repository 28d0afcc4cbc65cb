//go:build linux

package codec

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// probe makes this test binary a confined process that tries what a codec that broke out would try.
const probe = "TRACKSEAL_TEST_CONFINED"

func TestConfined(t *testing.T) {
	if os.Getenv(probe) == "" {
		cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestConfined$", "-test.count=1")
		cmd.Env = []string{probe + "=1"}
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "all of it denied") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	time.Sleep(time.Millisecond)
	if err := confine(); err != nil {
		fmt.Println("not confined:", err)
		os.Exit(1)
	}
	failed := false
	for what, try := range map[string]func() error{
		"open":    func() error { _, err := os.ReadFile("/etc/hostname"); return err },
		"create":  func() error { return os.WriteFile("/tmp/trackseal-codec-test", nil, 0o600) },
		"remove":  func() error { return os.Remove("/tmp/trackseal-codec-none") },
		"connect": func() error { _, err := net.Dial("tcp", "127.0.0.1:1"); return err },
		"exec":    func() error { return syscall.Exec("/bin/true", []string{"true"}, nil) },
		"fork":    func() error { return exec.Command("/bin/true").Run() },
		"kill":    func() error { return syscall.Kill(os.Getppid(), 0) },
		"ptrace":  func() error { return syscall.PtraceAttach(os.Getppid()) },
		"socket":  func() error { _, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0); return err },
	} {
		if err := try(); !errors.Is(err, syscall.EPERM) {
			fmt.Printf("%s: %v, want it denied\n", what, err)
			failed = true
		}
	}
	// Threads must still start: the runtime needs them.
	ended := make(chan struct{})
	for range 8 {
		go func() { time.Sleep(10 * time.Millisecond); ended <- struct{}{} }()
	}
	for range 8 {
		<-ended
	}
	if !failed {
		fmt.Println("all of it denied")
	}
	os.Exit(0)
}
