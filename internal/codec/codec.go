// Package codec runs the JavaScript codecs of device makers, which nobody here has read: each call in a child process that has no
// files, no network, little memory and little time, and answers nothing but JSON. It hides goja and seccomp.
package codec

import (
	"errors"
	"log/slog"
	"time"
)

// Limits of a call. They are part of what a codec may rely on: docs/profiles.md names them.
const (
	MaxScript  = 256 << 10              // bytes of a script, as of the profile that carries it
	MaxInput   = 64 << 10               // bytes that are decoded
	MaxOutput  = 64 << 10               // bytes of the JSON that comes out
	CallTime   = 100 * time.Millisecond // of processor time, from the script's first line
	KillAfter  = time.Second            // of anybody's clock: what does not let itself be interrupted is killed
	Memory     = 96 << 20               // bytes that a child may have beyond those it starts with
	MaxDepth   = 512                    // calls in one another
	MaxFailing = 10                     // calls in a row that break a limit, until the script is disabled
)

// Why a call has no result. What a codec itself says is in the text.
var (
	ErrScript      = errors.New("the codec failed")           // it threw, answered errors, or answered no JSON: the same bytes will fail again
	ErrLimit       = errors.New("the codec broke a limit")    // time, memory, depth or output
	ErrDisabled    = errors.New("the codec is disabled")      // it broke limits MaxFailing times in a row; until the process starts again
	ErrUnavailable = errors.New("codecs cannot run here")     // no child, or no confinement of it: the call says nothing of the codec
	errClosed      = errors.New("the codecs' pool is closed") // within ErrUnavailable
)

// Kinds of scripts, by the function that is called.
const (
	Auto       = "auto"       // the first of the following that the script has
	TTN        = "ttn"        // decodeUplink({bytes, fPort, recvTime}), then normalizeUplink({data}) where there is one
	ChirpStack = "chirpstack" // decodeUplink({bytes, fPort, recvTime, variables}), else Decode(fPort, bytes, variables)
	Decoder    = "decoder"    // Decoder(bytes, fPort), else Decode(fPort, bytes, variables)
)

// Kinds lists them.
var Kinds = []string{Auto, TTN, ChirpStack, Decoder}

// Input is what a codec is asked. Nothing else that it sees changes between two calls: its clock stands at RecvMS, and its random numbers
// are always the same.
type Input struct {
	Bytes     []byte
	FPort     int
	RecvMS    int64
	Variables map[string]string
}

// Config of a Pool, and of how a node runs codecs. The zero value works.
type Config struct {
	Children   int          `yaml:"children"`   // processes at once; 0 = 2. A script has at most half of them
	Unconfined bool         `yaml:"unconfined"` // go on, with one warning in the log, where the system cannot confine a process
	Log        *slog.Logger `yaml:"-"`          // nil: nowhere
}
