//go:build !linux

package proc

import (
	"os/exec"
	"strconv"
	"strings"
)

// Identify looks a running process up with ps; without /proc there is no cheaper portable way.
func Identify(pid int) (Identity, error) {
	if pid <= 0 {
		return Identity{}, ErrGone
	}
	out, err := exec.Command("ps", "-o", "state=,lstart=", "-p", strconv.Itoa(pid)).Output()
	state, start, ok := strings.Cut(strings.TrimSpace(string(out)), " ")
	if err != nil || !ok || strings.HasPrefix(state, "Z") {
		return Identity{}, ErrGone
	}
	return Identity{PID: pid, Start: strings.Join(strings.Fields(start), " "), Boot: "ps"}, nil
}

// Memory is the resident size in bytes; 0 when unknown.
func Memory(pid int) int64 {
	out, err := exec.Command("ps", "-o", "rss=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return 0
	}
	kib, _ := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	return kib << 10
}

// marked cannot read other processes' environments here: a process whose record was lost has to be stopped by hand.
func marked(string) map[int]string { return nil }

// standsStill tells whether a process is stopped.
func standsStill(pid int) (bool, error) {
	out, err := exec.Command("ps", "-o", "state=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return false, ErrGone
	}
	return strings.HasPrefix(strings.TrimSpace(string(out)), "T"), nil
}
