package topology

import (
	"fmt"
	"sort"
)

// Ports gives every listener its TCP port on 127.0.0.1, by name: the process's name, and for its further listeners the
// name, a dot and the role (`peer-carrier.ops`).
type Ports map[string]int

// Span is how many ports, from the base on, PortsFrom may use.
const Span = 54

// DefaultPorts are the well-known ones: 7050 up for Fabric, 1883 MQTT, 8086 InfluxDB, 8070 ingest, 8080 to 8083 api.
func DefaultPorts() Ports {
	p := fabricPorts(7050)
	for i, o := range Orgs {
		p[APIProcess(o)] = 8080 + i
	}
	p[IngestProcess] = 8070
	p[MQTT] = 1883
	p[Influx] = 8086
	p[InfluxRPC] = 8088
	return p
}

// PortsFrom gives all ports out of base … base+Span-1.
func PortsFrom(base int) Ports {
	p := fabricPorts(base)
	for i, o := range Orgs {
		p[APIProcess(o)] = base + 40 + i
	}
	p[IngestProcess] = base + 50
	p[MQTT] = base + 51
	p[Influx] = base + 52
	p[InfluxRPC] = base + 53
	return p
}

func fabricPorts(base int) Ports {
	p := Ports{}
	for i, o := range Orgs {
		at := base + 10*i
		p[OrdererProcess(o)] = at
		p[PeerProcess(o)] = at + 1
		p[PeerProcess(o)+".chaincode"] = at + 2
		p[OrdererProcess(o)+".admin"] = at + 3
		p[ChaincodeProcess(o)] = at + 4
		p[OrdererProcess(o)+".ops"] = at + 5
		p[PeerProcess(o)+".ops"] = at + 6
	}
	return p
}

// Names of all listeners, sorted.
func (p Ports) Names() []string {
	names := make([]string, 0, len(p))
	for n := range p {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Validate: every listener of the topology has a port, and no two the same.
func (p Ports) Validate() error {
	taken := map[int]string{}
	for _, name := range DefaultPorts().Names() {
		port := p[name]
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
