package service

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"gopkg.in/yaml.v3"
)

// LoadConfig reads one YAML document into cfg and validates it. Unknown members are refused. The error is one line that
// names the file and what to correct.
func LoadConfig(path string, cfg interface{ Validate() error }) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(cfg); err != nil {
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("configuration %s: file is empty", path)
		}
		return fmt.Errorf("configuration %s: %s", path, oneLine(err))
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("configuration %s: must be one YAML document", path)
	}
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("configuration %s: %s", path, oneLine(err))
	}
	return nil
}

// ReadSecret returns the first line of a file that holds a token or a password. An empty one is an error.
func ReadSecret(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(data), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return line, nil
}

// oneLine joins the lines of errors.Join and of yaml.TypeError.
func oneLine(err error) string {
	lines := strings.Split(err.Error(), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "; ")
}
