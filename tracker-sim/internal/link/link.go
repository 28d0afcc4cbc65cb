// Package link connects trackers to a broker.
package link

import (
	"context"
	"log/slog"

	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
)

// Options of all sessions of one dialer.
type Options struct {
	URL string
	// Silent leaves out the retained status: a load tool's trackers would only add noise with it.
	Silent bool
	// Wait makes Publish wait for every PUBACK, for a broker behind which nobody acknowledges.
	Wait bool
	Log  *slog.Logger
}

// Dialer opens sessions at a broker.
func Dialer(o Options) device.Dialer {
	return func(ctx context.Context, tracker string, password func() string) (device.Conn, error) {
		d, err := mqtt.Dial(ctx, mqtt.DeviceConfig{URL: o.URL, Tracker: tracker, Password: password, Silent: o.Silent, Log: o.Log})
		if err != nil {
			return nil, err
		}
		if o.Wait {
			return waiting{d}, nil
		}
		return pipelined{d}, nil
	}
}

type waiting struct{ *mqtt.Device }

type pipelined struct{ *mqtt.Device }

var (
	_ device.Conn = waiting{}
	_ device.Conn = pipelined{}
)

// Publish keeps many messages under way; the application ack tells which ones arrived.
func (p pipelined) Publish(ctx context.Context, topic string, payload []byte) error {
	return p.Device.Send(ctx, topic, payload)
}
