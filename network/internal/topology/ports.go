package topology

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Ports gives every listener its TCP port, by name: the process's name, and for its further listeners the name, a dot and the
// role (`peer-carrier.ops`). All listeners of a folder have different ports, whatever their hosts are.
type Ports map[string]int

// Span is how many ports a member may use from a given one on.
const Span = 20

// roles of listeners: where they are from a given port on, and the well-known port of a folder's first member with the step to the
// next one's.
var roles = map[string]struct{ offset, known, step int }{
	"orderer": {0, 7050, 10}, "peer": {1, 7051, 10}, "peer.chaincode": {2, 7052, 10}, "orderer.admin": {3, 7053, 10},
	"chaincode": {4, 7054, 10}, "orderer.ops": {5, 7055, 10}, "peer.ops": {6, 7056, 10},
	"api": {7, 8080, 1}, "ingest": {8, 8070, 1}, "mqtt": {9, 1883, 1}, "influxdb": {10, 8086, 2}, "influxdb.rpc": {11, 8087, 2},
	"api.ops": {12, 8060, 1}, "ingest.ops": {13, 8065, 1},
}

// open are the roles that others must reach, at the member's host. All else stays on this machine.
var open = []string{"orderer", "peer", "api", "ingest", "mqtt"}

// DefaultPorts are the well-known ones: 7050 up for Fabric, 1883 MQTT, 8070 ingest, 8080 to 8083 api, 8086 up InfluxDB.
func (s Stack) DefaultPorts() Ports {
	return s.ports(func(role string, member int) int { return roles[role].known + member*roles[role].step })
}

// PortsFrom gives all ports out of base … base+Span*members-1.
func (s Stack) PortsFrom(base int) Ports {
	return s.ports(func(role string, member int) int { return base + member*Span + roles[role].offset })
}

func (s Stack) ports(port func(role string, member int) int) Ports {
	p := Ports{}
	for _, name := range s.listeners() {
		role, o := owner(name)
		p[name] = port(role, slices.Index(s.Orgs(), o))
	}
	return p
}

// listeners of all processes.
func (s Stack) listeners() []string {
	var all []string
	for _, p := range s.Processes() {
		all = append(all, p.Listeners...)
	}
	return all
}

// Validate: every member is in order and has a name of its own, every listener has a port, and no two the same.
func (s Stack) Validate() error {
	if len(s.Members) == 0 {
		return errors.New("no members")
	}
	names := map[Org]bool{}
	for _, m := range s.Members {
		if err := m.Validate(); err != nil {
			return fmt.Errorf("member %s: %w", m.Name, err)
		}
		if names[m.Name] {
			return fmt.Errorf("member %s is named twice", m.Name)
		}
		names[m.Name] = true
		if !m.Local() && !s.TLS {
			return fmt.Errorf("member %s: host %s is not loopback: it needs --tls", m.Name, m.Host)
		}
	}
	taken := map[int]string{}
	for _, name := range slices.Sorted(maps.Keys(s.DefaultPorts())) {
		port := s.Ports[name]
		if port < 1 || port > 65535 {
			return fmt.Errorf("port of %s is %d: must be 1 to 65535", name, port)
		}
		if other, ok := taken[port]; ok {
			return fmt.Errorf("%s and %s have the same port %d", other, name, port)
		}
		taken[port] = name
	}
	return nil
}
