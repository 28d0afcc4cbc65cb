package e2e

import (
	"fmt"
	"testing"
	"time"
)

// TestStackThingsBoardGateway has one connection speak for two devices, as ThingsBoard's gateway does; a third that nobody enrolled is
// refused by its name, and takes nothing of the others with it.
func TestStackThingsBoardGateway(t *testing.T) {
	s := load(t)
	carrier := s.api(t, "carrier")
	gateway, a, b := name("TBG"), name("TBA"), name("TBB")
	token := enrolUnsigned(carrier, gateway, map[string]any{"profile": "thingsboard-gateway@1"})
	enrolUnsigned(carrier, a, map[string]any{"gateway": gateway, "device": "Pallet A"})
	enrolUnsigned(carrier, b, map[string]any{"gateway": gateway, "device": "Pallet B"})
	p := attach(t, s, carrier, "thingsboard-gateway", a, b)
	client := newPublisher(t, s, token)
	const telemetry = "v1/gateway/telemetry"
	client.publish("v1/gateway/connect", `{"device":"Pallet A"}`)
	both := func(t1, t2 string) string {
		now := time.Now().UnixMilli()
		return fmt.Sprintf(`{"Pallet A":[{"ts":%d,"values":{"temperature":%s}}],"Pallet B":[{"ts":%d,"values":{"temperature":%s,"humidity":55}}]}`, now, t1, now, t2)
	}
	p.first(func() bool { client.publish(telemetry, both("4.5", "5.5")); return true })
	sentA, sentB := len(p.of(a)), len(p.of(b))
	for i := range 5 {
		client.publish(telemetry, both(fmt.Sprintf("4.%d", i), fmt.Sprintf("5.%d", i)))
	}
	client.publish(telemetry, fmt.Sprintf(`{"Pallet C":[{"ts":%d,"values":{"temperature":30}}],"Pallet A":[{"ts":%d,"values":{"temperature":6.25}}]}`, time.Now().UnixMilli(), time.Now().UnixMilli()))
	p.logged(a, sentA+6)
	p.logged(b, sentB+5)
	p.value(a, "temperature", 6.25)
	p.value(b, "temperature", 5.4)
	p.value(b, "humidity", 55)
	p.refused(gateway, "unknown_device", "Pallet C")
	p.verified(false)
}
