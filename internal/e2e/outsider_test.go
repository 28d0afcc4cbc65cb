package e2e

import (
	"encoding/json"
	"net/url"
	"os/exec"
	"testing"
	"time"
)

type messageItem struct {
	Log     string   `json:"log"`
	Tracker string   `json:"tracker"`
	Trust   string   `json:"trust"`
	Leaf    uint64   `json:"leaf"`
	Flags   []string `json:"flags"`
	Status  string   `json:"status"`
	Hash    string   `json:"hash"`
}

// TestStackMosquitto publishes the documented JSON with a client that is not ours: Mosquitto's.
func TestStackMosquitto(t *testing.T) {
	s := load(t)
	pub, err := exec.LookPath("mosquitto_pub")
	if err != nil {
		t.Skip("mosquitto_pub is not installed (package mosquitto-clients)")
	}
	carrier := s.api(t, "carrier")
	tracker, shipment := name("plain"), name("plain-goods")
	var enrolled struct {
		Secret string `json:"secret"`
		MQTT   struct {
			Username  string `json:"username"`
			TopicJSON string `json:"topic_json"`
		} `json:"mqtt"`
	}
	carrier.post("/v1/trackers", map[string]any{"id": tracker, "unsigned": true, "model": "any"}, &enrolled)
	carrier.post("/v1/shipments", map[string]any{"id": shipment, "rule_set": "room-15-25@1", "parties": map[string][]string{"carrier": {"carrier"}, "shipper": {"shipper"}, "consignee": {"consignee"}}}, nil)
	carrier.post("/v1/shipments/"+shipment+"/assignments", map[string]any{"tracker": tracker}, nil)
	broker, err := url.Parse(s.MQTT)
	if err != nil {
		t.Fatal(err)
	}
	payload, _ := json.Marshal(map[string]any{"temperature": 21.5, "humidity": 40, "battery": 97})
	// The assignment reaches ingest as a ledger event: the first message may come too early to be the shipment's.
	eventually(t, 60*time.Second, "the message appears", func() (bool, string) {
		out, err := exec.Command(pub, "-h", broker.Hostname(), "-p", broker.Port(), "-i", tracker, "-u", enrolled.MQTT.Username, "-P", enrolled.Secret,
			"-t", enrolled.MQTT.TopicJSON, "-q", "1", "-m", string(payload)).CombinedOutput()
		if err != nil {
			return false, err.Error() + string(out)
		}
		for range 10 {
			items := all[messageItem](carrier, "/v1/shipments/"+shipment+"/messages")
			if len(items) > 0 {
				if items[0].Trust != "unsigned" || items[0].Tracker != tracker {
					t.Fatalf("got %+v, want it unsigned, of %s", items[0], tracker)
				}
				return true, ""
			}
			time.Sleep(200 * time.Millisecond)
		}
		return false, "no message yet"
	})
	items := all[telemetryItem](carrier, "/v1/shipments/"+shipment+"/telemetry")
	if len(items) == 0 || items[0].Values["temperature"] != 21.5 {
		t.Errorf("got %+v, want 21.5 °C first", items)
	}
	// A wrong secret must not get in, nor may the tracker speak on another's topic.
	if exec.Command(pub, "-h", broker.Hostname(), "-p", broker.Port(), "-i", tracker, "-u", tracker, "-P", "wrong", "-t", enrolled.MQTT.TopicJSON, "-q", "1", "-m", "{}").Run() == nil {
		t.Error("a wrong secret was accepted")
	}
}

// TestStackAttacks runs every attack of the simulator: each must end as its reason code says, and nothing forged may get a leaf.
func TestStackAttacks(t *testing.T) {
	s := load(t)
	out, code := s.sim(t, 5*time.Minute, "attack", "--kind", "all")
	t.Log(out)
	if code != 0 {
		t.Errorf("exit %d", code)
	}
}
