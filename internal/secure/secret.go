package secure

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// Private reads a file that nobody but its owner may read: mode 0600 or stricter.
func Private(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat() // of what is read, not of what stands there now
	if err != nil {
		return nil, err
	}
	if mode := info.Mode(); mode.IsRegular() && mode.Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: others may read it (mode %04o); run chmod 600 %s, and replace what it holds if they did", path, mode.Perm(), path)
	}
	return io.ReadAll(f)
}

// Secret is the first line of a private file that holds a token or a password. An empty one is an error.
func Secret(path string) (string, error) {
	data, err := Private(path)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(data), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return line, nil
}
