// Command bench measures the verifier on a bundle of 100,000 messages: its time on one core against the bare signature
// checks, and the peak memory of the program. It prints one line a figure.
package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/telemetry"
)

const messages = 100_000

func main() {
	err := error(nil)
	if len(os.Args) > 2 && os.Args[1] == "peak" {
		err = watch(os.Args[2:])
	} else {
		err = run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	runtime.GOMAXPROCS(1)
	c := evidencetest.New(fabricproof.BFT)
	tracker := evidencetest.NewTracker("T-1", telemetry.Ed25519)
	trip := evidencetest.NewTrip(c, tracker)
	trip.StepMS = 1000
	trip.Drive(messages, messages/10)
	trip.Finish()
	bundle, policy := trip.Bundle(), c.Policy()
	trip.Leaves = nil
	runtime.GC()
	ratio, err := ratio(bundle, policy, trip.Nonce, tracker)
	if err != nil {
		return err
	}
	fmt.Printf("figure verify_vs_signatures %.2f ratio\n", ratio)
	peak, err := peak(bundle, policy, trip.Nonce)
	if err != nil {
		return err
	}
	fmt.Printf("figure verify_rss %.0f MiB\n", peak)
	return nil
}

// ratio takes the best of several rounds of each, in turns, since other programs share the machine.
func ratio(bundle []byte, policy *evidence.Policy, nonce []byte, tracker *evidencetest.Tracker) (float64, error) {
	key, err := telemetry.Public(tracker.Signer)
	if err != nil {
		return 0, err
	}
	msg := bytes.Repeat([]byte{7}, 250) // the length of what a tracker signs
	sig, err := telemetry.Sign(tracker.Signer, msg)
	if err != nil {
		return 0, err
	}
	whole, bare := time.Hour, time.Hour
	for range 3 {
		start := time.Now()
		r, err := evidence.Verify(bytes.NewReader(bundle), policy, evidence.Options{Nonce: nonce})
		if err != nil {
			return 0, err
		}
		if r.Exit() != evidence.ExitPass {
			return 0, fmt.Errorf("the bundle does not pass: %v", r.Findings)
		}
		whole = min(whole, time.Since(start))
		start = time.Now()
		for range messages {
			if err := key.VerifyBytes(msg, sig); err != nil {
				return 0, err
			}
		}
		bare = min(bare, time.Since(start))
	}
	return float64(whole) / float64(bare), nil
}

// peak runs the program in a process of its own.
func peak(bundle []byte, policy *evidence.Policy, nonce []byte) (float64, error) {
	dir, err := os.MkdirTemp("", "verify-bench-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	raw, err := json.Marshal(policy)
	if err != nil {
		return 0, err
	}
	program, b, p := filepath.Join(dir, "verify"), filepath.Join(dir, "b.tsb"), filepath.Join(dir, "p.json")
	if err := errors.Join(os.WriteFile(b, bundle, 0o600), os.WriteFile(p, raw, 0o600)); err != nil {
		return 0, err
	}
	if out, err := exec.Command("go", "build", "-o", program, "github.com/trackseal/trackseal/verify").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build verify: %w\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	out, err := exec.Command(self, "peak", program, b, "--policy", p, "--nonce", hex.EncodeToString(nonce), "--quiet").Output()
	if err != nil {
		return 0, fmt.Errorf("verify: %w", err)
	}
	kib, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	return kib / 1024, err
}

// watch runs a program and prints its peak memory in KiB. It is a process of its own because Linux counts the memory of
// whoever starts a program as the program's, and this one is small.
func watch(args []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	use, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return errors.New("this system does not tell a process's peak memory")
	}
	fmt.Println(use.Maxrss)
	return nil
}
