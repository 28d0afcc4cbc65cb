package launcher

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/steps"
)

// verifierBuilder writes the verifier for browsers: verify.wasm and what runs it.
const verifierBuilder = "verify/standalone"

// buildDashboard builds the web app when Node is there and its sources changed. Without it the api works all the same, so
// nothing here stops `up`, a checkout that cannot be written neither.
func (l *Launcher) buildDashboard(ctx context.Context, note func(string)) (string, error) {
	outcome, err := l.dashboard(ctx, note)
	if err != nil {
		return l.withoutDashboard(ctx, err)
	}
	return outcome, nil
}

func (l *Launcher) dashboard(ctx context.Context, note func(string)) (string, error) {
	if l.fromPackage() {
		return l.packagedPage()
	}
	source := filepath.Join(l.Stack.Root, "dashboards")
	if _, err := os.Stat(filepath.Join(source, "package-lock.json")); err != nil {
		return "left out: the checkout has no dashboards", nil
	}
	// Two stacks of one checkout share the result: the second waits and finds it done.
	shared := DefaultDir(l.Stack.Root)
	if err := mkdir(shared); err != nil {
		return "", err
	}
	unlock, err := proc.Lock(ctx, filepath.Join(shared, "dashboard.lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	// The page carries the evidence verifier. Go knows best whether it changed, and what it built is part of the key.
	if l.hasSource(verifierBuilder) {
		err := goTool(ctx, l.Stack.Root, nil, "run", "-buildvcs=false", "./"+verifierBuilder, "-dir", filepath.Join(source, ".verifier"))
		if err != nil {
			return "", err
		}
	}
	key, err := dashboardKey(source)
	if err != nil {
		return "", err
	}
	// The mark lies in the result and vanishes with it.
	mark := steps.Mark(filepath.Join(l.Stack.DashboardDir(), ".built"))
	if mark.Is(key) {
		return "built before", nil
	}
	if lack := lackOfNode(ctx); lack != "" {
		return "left out: " + lack + "install Node 20 or newer (https://nodejs.org) and run `up` again to get the page", nil
	}
	lock, err := fileHash(filepath.Join(source, "package-lock.json"))
	if err != nil {
		return "", err
	}
	installed := steps.Mark(filepath.Join(source, "node_modules", ".installed"))
	if !installed.Is(lock) {
		note("npm ci")
		if err := npm(ctx, source, "ci", "--no-audit", "--no-fund"); err != nil {
			return "", err
		}
		if err := installed.Set(lock); err != nil {
			return "", err
		}
	}
	note("npm run build")
	if err := npm(ctx, source, "run", "build"); err != nil {
		return "", err
	}
	return "built", mark.Set(key)
}

func (l *Launcher) withoutDashboard(ctx context.Context, err error) (string, error) {
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	log := l.Stack.Log("dashboard")
	if e := l.write(log, []byte(err.Error()+"\n")); e != nil {
		return "", e
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return "left out: " + first + "; see " + log, nil
}

// dashboardKey changes with every source file and with the verifier. Dependencies count through the lock file, results not at all.
func dashboardKey(source string) (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(source, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case "node_modules", "dist", "test", "grafana":
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(source, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s %d\n", rel, len(data))
		h.Write(data)
		return nil
	})
	return hex.EncodeToString(h.Sum(nil)[:8]), err
}

// leastNode is the oldest Node that builds the page.
const leastNode = 20

// lackOfNode says why the page cannot be built here; "" when it can.
func lackOfNode(ctx context.Context) string {
	if _, err := exec.LookPath("npm"); err != nil {
		return "there is no npm: "
	}
	version, err := exec.CommandContext(ctx, "node", "--version").Output()
	if err != nil {
		return "there is no node: "
	}
	var major int
	if _, err := fmt.Sscanf(string(version), "v%d.", &major); err == nil && major < leastNode {
		return "node is " + strings.TrimSpace(string(version)) + ": "
	}
	return ""
}

func npm(ctx context.Context, dir string, args ...string) error {
	out, err := tool(ctx, dir, nil, "npm", args...)
	if err != nil {
		return fmt.Errorf("npm %s: %w\n%s", args[0], err, out)
	}
	return nil
}
