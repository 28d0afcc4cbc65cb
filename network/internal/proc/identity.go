// Package proc starts processes that outlive the launcher, finds them again, and stops them. A process is known by its
// process id, its start time and the boot of the machine, so that a reused id is never taken for it.
package proc

import "errors"

// Identity names one process for as long as the machine runs.
type Identity struct {
	PID   int    `json:"pid"`
	Start string `json:"start"` // opaque, as the kernel tells it
	Boot  string `json:"boot"`  // opaque; differs after a restart of the machine
}

// ErrGone: the process does not run any more, or its id belongs to another one.
var ErrGone = errors.New("process has ended")

// Alive: exactly this process runs. One that ended and waits for its parent to notice counts as gone.
func (id Identity) Alive() bool {
	now, err := Identify(id.PID)
	return err == nil && now == id
}
