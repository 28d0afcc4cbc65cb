package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// traccarPosition is what a Traccar server forwards of a position.
func traccarPosition(device string, at time.Time, lat, lon, knots, temperature float64) map[string]any {
	when := at.UTC().Format("2006-01-02T15:04:05.000-07:00")
	return map[string]any{
		"position": map[string]any{"id": 7, "deviceId": 10, "protocol": "teltonika", "serverTime": when, "deviceTime": when, "fixTime": when, "valid": true, "outdated": false,
			"latitude": lat, "longitude": lon, "altitude": 35.0, "speed": knots, "course": 180.0, "attributes": map[string]any{"temp1": temperature, "batteryLevel": 85, "motion": true}},
		"device": map[string]any{"id": 10, "name": "truck", "uniqueId": device},
	}
}

// TestStackTraccarForward has a Traccar server forward its positions by HTTP, with a header for its secret and nothing else changed:
// knots become m/s, what it repeats is one message, and a device that is not enrolled is refused by its name.
func TestStackTraccarForward(t *testing.T) {
	s := load(t)
	carrier := s.api(t, "carrier")
	server, truck := name("TRACCAR"), name("TRUCK")
	secret := enrolUnsigned(carrier, server, map[string]any{"profile": "traccar-forward@1"})
	imei := strings.Map(func(r rune) rune { // its unique id at the server, 15 digits
		return '0' + r%10
	}, (truck + "000000000000000")[len(truck)-4:][:15])
	enrolUnsigned(carrier, truck, map[string]any{"gateway": server, "device": imei})
	p := attach(t, s, carrier, "traccar", truck)
	forward := func(body any, want int) taken {
		t.Helper()
		code, answer, text := s.post(t, "traccar-forward", "Authorization", "Bearer "+secret, body)
		if code != want {
			t.Fatalf("the intake answers %d, want %d: %s", code, want, text)
		}
		return answer
	}
	p.first(func() bool {
		code, _, _ := s.post(t, "traccar-forward", "Authorization", "Bearer "+secret, traccarPosition(imei, time.Now(), 52.5, 13.4, 0, 4.5))
		return code == http.StatusAccepted
	})
	sent := len(p.of(truck))
	for i := range 5 {
		body := traccarPosition(imei, time.Now().Add(time.Duration(i)*time.Millisecond), 52.5+float64(i)/1000, 13.4, 36, 4+float64(i)/4)
		if a := forward(body, http.StatusAccepted); a.Accepted != 1 || len(a.Refused) != 0 {
			t.Errorf("position %d: %+v, want it accepted", i, a)
		}
		if a := forward(body, http.StatusAccepted); a.Accepted != 0 || a.Duplicates != 1 { // Traccar repeats what it got no answer to
			t.Errorf("position %d again: %+v, want a duplicate", i, a)
		}
	}
	p.logged(truck, sent+5)
	p.value(truck, "speed", 36*1852.0/3600)
	p.value(truck, "lat", 52.504)
	p.value(truck, "temperature", 5)

	if a := forward(traccarPosition("999", time.Now(), 52.5, 13.4, 0, 4), http.StatusUnprocessableEntity); len(a.Refused) > 0 && a.Refused[0].Reason != "unknown_device" {
		t.Errorf("a device that is not enrolled: %+v, want unknown_device", a)
	}
	p.refused(server, "unknown_device", "999")
	if code, _, text := s.post(t, "traccar-forward", "Authorization", "Bearer wrong", traccarPosition(imei, time.Now(), 52.5, 13.4, 0, 4)); code != http.StatusUnauthorized {
		t.Errorf("a wrong secret: %d %s, want 401", code, text)
	}
	p.verified(false)
}
