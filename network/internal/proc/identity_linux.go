package proc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

var bootID = sync.OnceValue(func() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(b))
})

// Identify looks a running process up.
func Identify(pid int) (Identity, error) {
	fields, err := stat(pid)
	if err != nil {
		return Identity{}, err
	}
	if state := fields[0]; state == "Z" || state == "X" {
		return Identity{}, ErrGone
	}
	return Identity{PID: pid, Start: fields[19], Boot: bootID()}, nil
}

// stat returns the fields of /proc/PID/stat from the third (state) on: the second is the program's name, which may hold
// blanks and brackets.
func stat(pid int) ([]string, error) {
	if pid <= 0 {
		return nil, ErrGone
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, ErrGone
	}
	i := bytes.LastIndexByte(b, ')')
	fields := strings.Fields(string(b[i+1:]))
	if i < 0 || len(fields) < 22 {
		return nil, fmt.Errorf("/proc/%d/stat: unknown form", pid)
	}
	return fields, nil
}

// Memory is the resident size in bytes; 0 when unknown.
func Memory(pid int) int64 {
	fields, err := stat(pid)
	if err != nil {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[21], 10, 64)
	return pages * int64(os.Getpagesize())
}

// marked lists this user's processes whose environment holds the variable with the prefix, and its full value.
func marked(variable string) map[int]string {
	found := map[int]string{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		info, err := os.Stat(d)
		if err != nil {
			continue
		}
		if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Geteuid() {
			continue
		}
		env, err := os.ReadFile(filepath.Join(d, "environ"))
		if err != nil {
			continue
		}
		for _, kv := range bytes.Split(env, []byte{0}) {
			if v, ok := bytes.CutPrefix(kv, []byte(variable+"=")); ok {
				if pid, err := strconv.Atoi(filepath.Base(d)); err == nil {
					found[pid] = string(v)
				}
			}
		}
	}
	return found
}

// standsStill tells whether every thread of a process is stopped.
func standsStill(pid int) (bool, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/[0-9]*", pid))
	if err != nil || len(threads) == 0 {
		return false, ErrGone
	}
	for _, t := range threads {
		b, err := os.ReadFile(filepath.Join(t, "stat"))
		if err != nil {
			continue // it ended
		}
		if rest := bytes.TrimSpace(b[bytes.LastIndexByte(b, ')')+1:]); len(rest) > 0 && !bytes.ContainsAny(rest[:1], "TtZX") {
			return false, nil
		}
	}
	return true, nil
}
