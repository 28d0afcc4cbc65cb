package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// process is one line of `network status --json`.
type process struct {
	Name  string `json:"name"`
	PID   int    `json:"pid"`
	State string `json:"state"`
}

func (s *stack) processes(t *testing.T) map[string]process {
	t.Helper()
	network := os.Getenv("TRACKSEAL_NETWORK")
	if network == "" {
		t.Skip("TRACKSEAL_NETWORK names no network program")
	}
	out, err := exec.Command(network, "status", "--json", "--dir", s.Dir).Output()
	if len(out) == 0 {
		t.Fatalf("network status: %v", err)
	}
	var status struct {
		Processes []process `json:"processes"`
	}
	if err := json.Unmarshal(out, &status); err != nil {
		t.Fatalf("network status: %v in %s", err, out)
	}
	byName := map[string]process{}
	for _, p := range status.Processes {
		byName[p.Name] = p
	}
	return byName
}

// TestStackKill kills -9 one process of each kind while messages flow. The load tool keeps its own fsynced record of what was
// acknowledged and accounts for every message at the end: none lost, none doubled, none invented.
func TestStackKill(t *testing.T) {
	s := load(t)
	for _, victim := range []string{"ingest-carrier", "api-carrier", "influxdb-carrier", "orderer-shipper", "peer-carrier", "peer-consignee", "chaincode-carrier"} {
		t.Run(victim, func(t *testing.T) {
			before := s.processes(t)[victim]
			if before.PID == 0 {
				t.Fatalf("%s does not run", victim)
			}
			type result struct {
				out  string
				code int
			}
			done := make(chan result, 1)
			logged := s.counter(t, "trackseal_messages_logged_total")
			go func() {
				out, code := s.sim(t, 5*time.Minute, "load", "--trackers", "8", "--rate", "80", "--duration", "8s", "--json")
				done <- result{out, code}
			}()
			eventually(t, time.Minute, "a quarter of the load is logged", func() (bool, string) {
				n := s.counter(t, "trackseal_messages_logged_total") - logged
				return n >= 160, fmt.Sprintf("%v messages", n)
			})
			if err := syscall.Kill(before.PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			r := <-done
			if r.code != 0 {
				t.Errorf("accounting after the loss of %s: exit %d\n%s", victim, r.code, r.out)
			}
			eventually(t, 60*time.Second, victim+" is back", func() (bool, string) {
				p := s.processes(t)[victim]
				return p.State == "ready" && p.PID != before.PID, "pid " + time.Now().String()
			})
			s.level(t)
			t.Log(r.out)
		})
	}
}

// level waits until all nodes of the channel hold the same blocks. An orderer that came back half is found by the supervisor and
// started again, which takes it half a minute and more; a second victim meanwhile would leave too few to order.
func (s *stack) level(t *testing.T) {
	t.Helper()
	a := s.api(t, "auditor")
	eventually(t, 3*time.Minute, "all nodes are level", func() (bool, string) {
		var network struct {
			Nodes []struct {
				Org, Role, Error string
				Up               bool
				Height           uint64
			}
		}
		if code, err := a.call("GET", "/v1/network", nil, &network); err != nil || code != 200 {
			return false, fmt.Sprint(code, err)
		}
		for _, n := range network.Nodes {
			if !n.Up || n.Height != network.Nodes[0].Height {
				return false, fmt.Sprintf("%+v", network.Nodes)
			}
		}
		return len(network.Nodes) == 8, fmt.Sprintf("%+v", network.Nodes)
	})
}
