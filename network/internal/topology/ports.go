package topology

import (
	"fmt"
	"maps"
	"slices"
)

// Ports gives every listener its TCP port on 127.0.0.1, by name: the process's name, and for its further listeners the
// name, a dot and the role (`peer-carrier.ops`).
type Ports map[string]int

// Span is how many ports, from the base on, PortsFrom may use.
const Span = 54

// DefaultPorts are the well-known ones: 7050 up for Fabric, 1883 MQTT, 8086 InfluxDB, 8070 ingest, 8080 to 8083 api.
func DefaultPorts() Ports {
	return ports(7050, 8080, Ports{IngestProcess: 8070, MQTT: 1883, Influx: 8086, InfluxRPC: 8088})
}

// PortsFrom gives all ports out of base … base+Span-1.
func PortsFrom(base int) Ports {
	return ports(base, base+40, Ports{IngestProcess: base + 50, MQTT: base + 51, Influx: base + 52, InfluxRPC: base + 53})
}

// ports adds every organisation's to p: ten for Fabric each, and one for its api.
func ports(fabric, api int, p Ports) Ports {
	for i, o := range Orgs {
		at := fabric + 10*i
		p[APIProcess(o)] = api + i
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

// Validate: every listener of the topology has a port, and no two the same.
func (p Ports) Validate() error {
	taken := map[int]string{}
	for _, name := range slices.Sorted(maps.Keys(DefaultPorts())) {
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
