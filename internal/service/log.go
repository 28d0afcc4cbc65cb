package service

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

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
