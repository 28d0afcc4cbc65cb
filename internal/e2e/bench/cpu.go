package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cpuTimes is processor time by part of the system: what a message costs in all, on a machine that everything shares.
type cpuTimes map[string]time.Duration

// cpuOf reads the named processes, this program's publisher, and the processes of a stack's folder ("" = none) by their program.
func cpuOf(stack string, named map[string]int) cpuTimes {
	t := cpuTimes{}
	procs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range procs {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		args := strings.Split(string(raw), "\x00")
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		switch {
		case len(args) > 1 && args[1] == "publish":
			t["publisher"] += processTime(pid)
		case stack != "" && strings.Contains(string(raw), stack) && !slices.Contains(slices.Collect(maps.Values(named)), pid) && pid != os.Getpid():
			t[filepath.Base(args[0])] += processTime(pid)
		}
	}
	for name, pid := range named {
		t[name+" under test"] = processTime(pid)
	}
	t["idle"] = idleTime()
	return t
}

// idleTime is what no processor was used for: a half that waits instead of working shows here.
func idleTime() time.Duration {
	raw, err := os.ReadFile("/proc/stat")
	fields := strings.Fields(string(raw))
	if err != nil || len(fields) < 6 {
		return 0
	}
	idle, _ := strconv.Atoi(fields[4])
	disk, _ := strconv.Atoi(fields[5])
	return time.Duration(idle+disk) * 10 * time.Millisecond
}

func processTime(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if err != nil || len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// since says what was used for n messages. The publisher's time before the start counts with it: it makes the messages.
func (t cpuTimes) since(now cpuTimes, n uint64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if d := now[name] - t[name]; d > 0 && name != "publisher" {
			parts = append(parts, fmt.Sprintf("%s %.1f", name, float64(d.Microseconds())/float64(n)))
		}
	}
	return strings.Join(parts, ", ")
}
