package scenario

import (
	"context"
	"log/slog"

	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
)

// Link says how trackers reach a broker.
type Link struct {
	URL string
	// Silent leaves out the retained status: a load tool's trackers would only add noise with it.
	Silent bool
	// Wait makes Publish wait for every PUBACK, for a broker behind which nobody acknowledges.
	Wait bool
	Log  *slog.Logger
}

// Dial is a device.Dialer.
func (l Link) Dial(ctx context.Context, tracker string, password func() string) (device.Conn, error) {
	d, err := mqtt.Dial(ctx, mqtt.DeviceConfig{URL: l.URL, Tracker: tracker, Password: password, Silent: l.Silent, Log: l.Log})
	if err != nil {
		return nil, err
	}
	if l.Wait {
		return d, nil
	}
	return pipelined{d}, nil
}

// pipelined keeps many messages under way; the application ack tells which ones arrived.
type pipelined struct{ *mqtt.Device }

func (p pipelined) Publish(ctx context.Context, topic string, payload []byte) error {
	return p.Send(ctx, topic, payload)
}
