package launcher

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
)

// module is the checkout's own module path.
const module = "github.com/trackseal/trackseal"

// FindRoot is the checkout that holds dir; "" when there is none.
func FindRoot(dir string) string {
	for {
		if isRoot(dir) {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

func isRoot(dir string) bool {
	f, err := os.Open(filepath.Join(dir, "go.mod"))
	if err != nil {
		return false
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, ok := strings.CutPrefix(s.Text(), "module "); ok {
			return strings.TrimSpace(name) == module
		}
	}
	return false
}

// DefaultDir is a checkout's own stack.
func DefaultDir(root string) string { return filepath.Join(root, ".trackseal") }
