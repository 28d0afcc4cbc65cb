package launcher

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

// installed looks for a module's programs in the folders that --servers named. They must lie in one folder, all of them, and be of
// the release that we build; dir is "" when none is there. what says which ones they are.
func (l *Launcher) installed(ctx context.Context, m serverModule) (dir, what string, err error) {
	for _, dir := range filepath.SplitList(l.places.Servers) {
		var missing []string
		for _, name := range m.programs {
			if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
				missing = append(missing, name)
			}
		}
		if len(missing) == len(m.programs) {
			continue
		}
		if len(missing) > 0 {
			return "", "", misuse("--servers %s: %s is not there; `up --servers %s` compiles all of %s", dir, strings.Join(missing, ", "), compile, m.name)
		}
		pinned, err := m.pinned(l.Stack.Root)
		if err != nil {
			return "", "", err
		}
		found := ""
		for _, name := range m.programs {
			version, err := installedVersion(ctx, filepath.Join(dir, name), m.path)
			switch {
			case errors.Is(err, errNoVersion) && name == "osnadmin":
				continue
			case err != nil:
				return "", "", misuse("--servers %s: %s: %w", dir, name, err)
			case version != pinned.version && semver.MajorMinor(version) != m.release:
				return "", "", misuse("--servers %s: %s is %s: it must be %s, which we build; `up --servers %s` compiles it", dir, name, version, m.release, compile)
			}
			found = version
		}
		what = fmt.Sprintf("%s %s of %s", m.name, found, dir)
		if found != pinned.version && len(pinned.replaced) > 0 {
			what += ", which lacks our version of " + strings.Join(pinned.replaced, ", ")
		}
		return dir, what, nil
	}
	return "", "", nil
}

// mayChange is the program itself when it is an installed one, which somebody may replace at its place. The place of one that we built
// names its version.
func (l *Launcher) mayChange(program string) []string {
	for _, dir := range filepath.SplitList(l.places.Servers) {
		if filepath.Dir(program) == dir {
			return []string{program}
		}
	}
	return nil
}

// pinned is what a nested module builds.
type pinned struct {
	version  string
	replaced []string // modules that it replaces: installed programs do not
}

func (m serverModule) pinned(root string) (pinned, error) {
	file := filepath.Join(root, "network", "servers", m.name, "go.mod")
	data, err := os.ReadFile(file)
	if err != nil {
		return pinned{}, err
	}
	mod, err := modfile.Parse(file, data, nil)
	if err != nil {
		return pinned{}, err
	}
	var p pinned
	for _, r := range mod.Require {
		if r.Mod.Path == m.path {
			p.version = r.Mod.Version
		}
	}
	for _, r := range mod.Replace {
		p.replaced = append(p.replaced, r.Old.Path)
	}
	return p, nil
}

// errNoVersion: a program does not tell its version.
var errNoVersion = errors.New("it tells no version")

var toldVersion = regexp.MustCompile(`(?:Version: |InfluxDB )v?(\d+\.\d+\S*)`)

// installedVersion asks a program which version it is of. One that was built as ours are says it in its build information only.
func installedVersion(ctx context.Context, program, module string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	words := "version"
	if filepath.Base(program) == "configtxgen" {
		words = "-version"
	}
	cmd := exec.CommandContext(ctx, program, words)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if _, ran := errors.AsType[*exec.ExitError](err); err != nil && !ran {
		return "", fmt.Errorf("it cannot be run: %w", err)
	}
	if told := toldVersion.FindSubmatch(out); told != nil {
		return "v" + string(told[1]), nil
	}
	if info, err := buildinfo.ReadFile(program); err == nil && info.Main.Path == module && semver.IsValid(info.Main.Version) {
		return info.Main.Version, nil
	}
	return "", errNoVersion
}
