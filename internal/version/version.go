// Package version says which build of a program runs.
package version

import (
	"cmp"
	"fmt"
	"runtime/debug"
)

// Unknown is what is said of a build that was not told, as with -buildvcs=false.
const Unknown = "unknown"

// Build is what the toolchain has put into the program.
type Build struct {
	Version  string // of the module: a tag, or a pseudo-version of the commit
	Revision string // the commit, with "-dirty" when files were changed beside it
	Go       string
}

// Of reads it.
func Of() Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return Build{Unknown, Unknown, Unknown}
	}
	return of(info)
}

func of(info *debug.BuildInfo) Build {
	b := Build{Version: info.Main.Version, Go: info.GoVersion}
	dirty := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			dirty = s.Value == "true"
		}
	}
	if b.Version == "(devel)" {
		b.Version = ""
	}
	if b.Revision != "" && dirty {
		b.Revision += "-dirty"
	}
	return Build{cmp.Or(b.Version, Unknown), cmp.Or(b.Revision, Unknown), cmp.Or(b.Go, Unknown)}
}

// Line is the answer to --version.
func Line(program string) string {
	b := Of()
	return fmt.Sprintf("trackseal %s %s, revision %s, %s", program, b.Version, b.Revision, b.Go)
}
