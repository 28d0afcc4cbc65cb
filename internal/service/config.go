package service

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
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
		return fmt.Errorf("configuration %s: %s", path, mistake(err))
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("configuration %s: must be one YAML document", path)
	}
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("configuration %s: %s", path, oneLine(err))
	}
	return nil
}

// oneLine joins the lines of errors.Join and of yaml.TypeError.
func oneLine(err error) string {
	lines := strings.Split(err.Error(), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "; ")
}

// LogConfig is the `log` section of every program's configuration.
type LogConfig struct {
	Level  string `yaml:"level"`  // debug | info | warn | error; "" = info
	Format string `yaml:"format"` // text | json; "" = text
}

// Validate says what is wrong, or nil.
func (c LogConfig) Validate() error {
	_, err := NewLog(c, io.Discard)
	return err
}

// NewLog makes a program's logger.
func NewLog(c LogConfig, w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	switch strings.ToLower(c.Level) {
	case "", "info":
		level = slog.LevelInfo
	case "debug":
		level = slog.LevelDebug
	case "warn":
		level = slog.LevelWarn
	case "error":
		level = slog.LevelError
	default:
		return nil, fmt.Errorf("log.level %q: must be debug, info, warn or error", c.Level)
	}
	opts := &slog.HandlerOptions{Level: level}
	switch strings.ToLower(c.Format) {
	case "", "text":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	}
	return nil, fmt.Errorf("log.format %q: must be text or json", c.Format)
}
