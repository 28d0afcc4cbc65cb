//go:build unix

package checkpoint

import (
	"os"
	"os/signal"
	"syscall"
)

// Signal asks for a copy.
const Signal = syscall.SIGUSR1

func listen(asked chan<- os.Signal) { signal.Notify(asked, Signal) }
