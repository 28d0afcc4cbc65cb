//go:build !linux

package codec

import (
	"errors"
	"runtime"
)

// confine: only Linux has what confines a child. Time is limited everywhere, by the parent.
func confine() error {
	return errors.New(runtime.GOOS + " has no filter of system calls")
}
