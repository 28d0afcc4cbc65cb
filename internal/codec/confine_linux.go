package codec

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
)

// allowed are the system calls that Go's runtime makes once it is up: memory, threads, time, signals, and reading and writing what is open.
// All others answer EPERM. A list of what is denied would be longer, and shorter than the next kernel's.
var allowed = []string{
	"read", "write", "readv", "writev", "close",
	"mmap", "munmap", "mprotect", "madvise", "mincore", "mremap", "brk",
	"futex", "sched_yield", "sched_getaffinity", "set_robust_list", "rseq", "membarrier", "gettid", "getpid", "tgkill", "exit", "exit_group", "restart_syscall",
	"nanosleep", "clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "time", "timer_create", "timer_settime", "timer_delete", "setitimer",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "rt_sigtimedwait",
	"epoll_wait", "epoll_pwait", "epoll_pwait2", "epoll_ctl", "poll", "ppoll",
	"getrandom", "getrusage", "getrlimit", "prlimit64", "arch_prctl",
}

// A new thread shares everything with its process; a clone without this flag is a fork.
const cloneThread = 0x00010000

// confine takes away what a codec has no need for. Memory is limited in what the process may map beyond what it has: a limit on its address
// space would have to know how much of it Go reserves, and the race detector far more.
func confine() error {
	data, err := mapped()
	if err != nil {
		return err
	}
	for _, l := range []struct {
		what     string
		resource int
		limit    uint64
	}{
		{"memory", syscall.RLIMIT_DATA, data + Memory*instrumented},
		{"processor time", syscall.RLIMIT_CPU, uint64(2 * tired / time.Second)},
		{"file size", syscall.RLIMIT_FSIZE, 0},
		{"core dumps", syscall.RLIMIT_CORE, 0},
		{"files", syscall.RLIMIT_NOFILE, 0},
	} {
		if err := syscall.Setrlimit(l.resource, &syscall.Rlimit{Cur: l.limit, Max: l.limit}); err != nil {
			return fmt.Errorf("limit of %s: %w", l.what, err)
		}
	}
	known, err := arch.GetInfo("")
	if err != nil {
		return err
	}
	here := allowed[:0:0]
	for _, name := range allowed {
		if _, ok := known.SyscallNames[name]; ok {
			here = append(here, name)
		}
	}
	filter := seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: seccomp.Policy{
		DefaultAction: seccomp.ActionErrno,
		Syscalls: []seccomp.SyscallGroup{
			{Action: seccomp.ActionAllow, Names: here},
			{Action: seccomp.ActionAllow, NamesWithCondtions: []seccomp.NameWithConditions{
				{Name: "clone", Conditions: seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.BitsSet, Value: cloneThread}}},
			}},
			// Its flags lie in memory, where no filter looks. C libraries take clone when there is no clone3.
			{Action: seccomp.ActionErrno | seccomp.Action(syscall.ENOSYS), Names: []string{"clone3"}},
		},
	}}
	if err := seccomp.LoadFilter(filter); err != nil {
		return err
	}
	// Some systems take a filter and do not apply it. Its answer is not that of the limits.
	if _, err := os.ReadFile("/proc/self/status"); !errors.Is(err, syscall.EPERM) {
		return fmt.Errorf("the filter of system calls does not bite: %w", err)
	}
	return nil
}

// mapped is how much writable private memory the process has, which is what RLIMIT_DATA counts.
func mapped() (uint64, error) {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "VmData:"); ok {
			kb, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/self/status does not say VmData")
}
