package e2e

import (
	"fmt"
	"testing"
	"time"
)

// TestStackThingsBoardDevice moves a device from ThingsBoard by changing host and token: user name = the token, its topic, its JSON. Its
// trip ends in evidence that convinces, and what it says wrong is told.
func TestStackThingsBoardDevice(t *testing.T) {
	s := load(t)
	carrier := s.api(t, "carrier")
	id := name("TB")
	token := enrolUnsigned(carrier, id, map[string]any{"profile": "thingsboard-device@1"})
	p := attach(t, s, carrier, "thingsboard", id)
	device := newPublisher(t, s, token)
	const telemetry = "v1/devices/me/telemetry"
	now := func() int64 { return time.Now().UnixMilli() }
	p.first(func() bool {
		device.publish(telemetry, fmt.Sprintf(`{"ts":%d,"values":{"temperature":4.5,"humidity":51}}`, now()))
		return true
	})
	sent := len(p.of(id))
	for i := range 5 {
		device.publish(telemetry, fmt.Sprintf(`{"ts":%d,"values":{"temperature":%d.25,"humidity":51,"firmware":"1.2"}}`, now()+int64(i), 3+i))
	}
	// What was buffered comes as a list, and what has no time is of its receipt.
	device.publish(telemetry, fmt.Sprintf(`[{"ts":%d,"values":{"temperature":6.5}},{"ts":%d,"values":{"temperature":6.75}}]`, now(), now()+1))
	device.publish(telemetry, `{"temperature":7.75}`)
	device.publish("v1/devices/me/attributes", `{"serial":"4711"}`) // not for us, and no fault
	p.logged(id, sent+7)
	for _, want := range []float64{3.25, 7.25, 6.5, 6.75, 7.75} {
		p.value(id, "temperature", want)
	}

	device.publish(telemetry, `{"temperature":`)
	p.refused(id, "malformed", "")
	device.publish("v1/devices/me/telemetrie", `{"temperature":4}`)
	p.refused(id, "no_match", "")
	if n := len(p.of(id)); n != sent+7 {
		t.Errorf("%d messages in the log after two refusals, want %d", n, sent+7)
	}
	var health struct {
		LastSeen *time.Time `json:"last_seen"`
		Refused  *struct {
			Reason string `json:"reason"`
		} `json:"refused"`
		Unknown []string `json:"unknown"`
	}
	carrier.get("/v1/trackers/"+id+"/health", &health)
	if health.LastSeen == nil || health.Refused == nil || len(health.Unknown) > 0 {
		t.Errorf("its health: %+v, want when it was seen, what was refused, and nothing unknown", health)
	}
	if n := len(all[struct{}](carrier, "/v1/trackers/"+id+"/rejected?limit=200")); n < 2 { // as many as may be asked for
		t.Errorf("%d entries of what was refused, want 2", n)
	}
	p.verified(false)
}
