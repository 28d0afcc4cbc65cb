package fabric

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/hyperledger/fabric-sdk-go/pkg/core/logging/api"
)

// sdkLog passes the SDK's errors on as warnings, since callers get them as errors too, and its warnings as debug lines: we use
// it for the profile and for signing, where they only speak of its own deprecations. What is below is dropped. The SDK has
// one logger for the whole process: the first client's.
type sdkLog struct{ log *slog.Logger }

func (s sdkLog) GetLogger(module string) api.Logger {
	return sdkLogger{s.log.With("module", module)}
}

type sdkLogger struct{ log *slog.Logger }

func line(args []any) string { return strings.TrimSuffix(fmt.Sprintln(args...), "\n") }

// What the SDK calls fatal is an error of one call to us; nothing of it may end the process.
func (l sdkLogger) Fatal(args ...any)            { l.log.Error(line(args)) }
func (l sdkLogger) Fatalf(f string, args ...any) { l.log.Error(fmt.Sprintf(f, args...)) }
func (l sdkLogger) Fatalln(args ...any)          { l.log.Error(line(args)) }
func (l sdkLogger) Panic(args ...any)            { l.log.Error(line(args)) }
func (l sdkLogger) Panicf(f string, args ...any) { l.log.Error(fmt.Sprintf(f, args...)) }
func (l sdkLogger) Panicln(args ...any)          { l.log.Error(line(args)) }
func (l sdkLogger) Error(args ...any)            { l.log.Warn(line(args)) }
func (l sdkLogger) Errorf(f string, args ...any) { l.log.Warn(fmt.Sprintf(f, args...)) }
func (l sdkLogger) Errorln(args ...any)          { l.log.Warn(line(args)) }
func (l sdkLogger) Warn(args ...any)             { l.log.Debug(line(args)) }
func (l sdkLogger) Warnf(f string, args ...any)  { l.log.Debug(fmt.Sprintf(f, args...)) }
func (l sdkLogger) Warnln(args ...any)           { l.log.Debug(line(args)) }
func (sdkLogger) Print(...any)                   {}
func (sdkLogger) Printf(string, ...any)          {}
func (sdkLogger) Println(...any)                 {}
func (sdkLogger) Info(...any)                    {}
func (sdkLogger) Infof(string, ...any)           {}
func (sdkLogger) Infoln(...any)                  {}
func (sdkLogger) Debug(...any)                   {}
func (sdkLogger) Debugf(string, ...any)          {}
func (sdkLogger) Debugln(...any)                 {}
