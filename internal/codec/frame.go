package codec

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/trackseal/trackseal/internal/canon"
)

// A frame is four bytes of length, big-endian, and so many bytes of CBOR: a request to the child, a reply from it. A child begins with a
// hello.

// maxFrame bounds both: what a child says is not believed, its length first of all.
const maxFrame = MaxScript + MaxInput + 64<<10

type request struct {
	Slot      int // where the child keeps the compiled script
	Script    []byte
	Kind      string
	Bytes     []byte
	FPort     int
	RecvMS    int64
	Variables map[string]string
}

// How a call ended.
const (
	done   = "done"
	script = "script"
	limit  = "limit"
)

type reply struct {
	Outcome string
	Detail  string
	Decoded []byte
	Tired   bool // the child has used so much of its processor time that another should take over
}

type hello struct {
	Unconfined string // what the system refused; empty when the child is confined
}

func writeFrame(w io.Writer, v any) error {
	body, err := canon.MarshalCBOR(v)
	if err != nil {
		return err
	}
	if len(body) > maxFrame {
		return fmt.Errorf("a frame of %d bytes; at most %d", len(body), maxFrame)
	}
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(body)), uint32(len(body)))
	_, err = w.Write(append(frame, body...))
	return err
}

func readFrame(r io.Reader, v any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxFrame {
		return fmt.Errorf("a frame of %d bytes; at most %d", n, maxFrame)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return err
	}
	return canon.UnmarshalCBOR(body, v)
}
