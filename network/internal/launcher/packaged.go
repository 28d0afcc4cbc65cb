package launcher

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// A package puts our programs into PREFIX/lib/trackseal/bin and what `up` looks for in a checkout into PREFIX/share/trackseal, at the same places
// as there. No source is among it: programs and page are taken as they are.

var (
	packagedPrograms = filepath.Join("lib", "trackseal", "bin")
	packagedRoot     = filepath.Join("share", "trackseal")
)

// FindPackage is what a program was installed with, to take the place of a checkout; "" when it comes from elsewhere.
func FindPackage(program string) string {
	real, err := filepath.EvalSymlinks(program) // /usr/bin/trackseal-network is a link
	if err != nil {
		return ""
	}
	bin := filepath.Dir(real)
	prefix := filepath.Join(bin, "..", "..", "..")
	root := filepath.Join(prefix, packagedRoot)
	if info, err := os.Stat(filepath.Join(root, "network", "servers")); err != nil || !info.IsDir() || bin != filepath.Join(prefix, packagedPrograms) {
		return ""
	}
	return root
}

// packaged is one of our programs as it was installed; "" when it was not, or when there is a checkout to compile.
func (l *Launcher) packaged(program string) string {
	if l.Stack.Root == "" || isRoot(l.Stack.Root) {
		return ""
	}
	path := filepath.Join(l.Stack.Root, "..", "..", packagedPrograms, program)
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	return path
}

// fromPackage reports whether there is nothing to compile of ours.
func (l *Launcher) fromPackage() bool { return l.packaged("network") != "" }

// has reports whether one of our programs can be had.
func (l *Launcher) has(program string) bool { return l.hasSource(program) || l.packaged(program) != "" }

// takePrograms copies installed programs into the stack's folder, so that an upgrade of the package changes nothing that runs before the next
// `up`. It returns the names of those that are not installed.
func (l *Launcher) takePrograms(want []string) (rest []string, err error) {
	for _, name := range want {
		path := l.packaged(name)
		if path == "" {
			rest = append(rest, name)
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if _, err := replace(l.Stack.Program(name), data, 0o700); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// packagedPage says that the page was installed, or why there is none.
func (l *Launcher) packagedPage() (string, error) {
	_, err := os.Stat(filepath.Join(l.Stack.DashboardDir(), "index.html"))
	switch {
	case err == nil:
		return "as installed", nil
	case errors.Is(err, fs.ErrNotExist):
		return "left out: the package has no page", nil
	}
	return "", err
}
