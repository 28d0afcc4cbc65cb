package launcher

import (
	"errors"
	"os/exec"
)

// tools looks for what we cannot do without. Node is optional: see buildDashboard.
func (l *Launcher) tools() error {
	if _, err := exec.LookPath("go"); err != nil {
		return errors.New("`go` is not on the PATH: install Go 1.26 or newer (https://go.dev/dl), then run `up` again")
	}
	if _, err := exec.LookPath("sh"); err != nil {
		return errors.New("`sh` is not on the PATH: the peers need a POSIX shell")
	}
	return nil
}
