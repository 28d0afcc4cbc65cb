package device

import (
	"context"

	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Conn is one authenticated MQTT session of one tracker.
type Conn interface {
	// Publish hands one message to the broker with QoS 1, in the order of the calls. Whether it waits for the PUBACK is the
	// dialer's choice: a PUBACK is no promise that ingest holds the message, only an application ack is.
	Publish(ctx context.Context, topic string, payload []byte) error
	// Down delivers what arrives on the tracker's own down topic.
	Down() <-chan mqtt.DownMessage
	Close()
}

// Dialer opens a session. password is asked at every connection attempt, since it expires.
type Dialer func(ctx context.Context, tracker string, password func() string) (Conn, error)

// Store keeps a tracker's unacknowledged messages over restarts. Its methods are called by one goroutine at a time.
type Store interface {
	// Load returns what the last Save calls left behind.
	Load() (State, error)
	// Append makes a signed message durable: it must be called, and must have returned, before the message is published.
	// Otherwise a crash would leave the tracker with a forgotten position, and the next message would fork its chain. After an
	// error the message is not in the store: its place goes to another one.
	Append(m Message) error
	// Trim records what was acknowledged or lost. A trim that a crash forgets only makes the tracker send again.
	// lost is what is to be declared now.
	Trim(gone []Message, lost []Range) error
	Close() error
}

// State is what a tracker remembers.
type State struct {
	// Next is the position after the newest signed message; the zero value says that nothing was ever signed.
	Next telemetry.Position
	// Prev is the hash of that message's cose_sign1.
	Prev   telemetry.Hash
	Queued []Message
	Lost   []Range
}

// Memory is a Store that forgets, for trackers that live as long as the process: none of its methods does anything.
type Memory struct{}

func (Memory) Load() (State, error)          { return State{}, nil }
func (Memory) Append(Message) error          { return nil }
func (Memory) Trim([]Message, []Range) error { return nil }
func (Memory) Close() error                  { return nil }
