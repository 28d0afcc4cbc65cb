package topology

import (
	"fmt"
	"maps"
	"slices"
)

// Group is what `--only` names.
type Group string

const (
	GroupFabric Group = "fabric"
	GroupInflux Group = "influx"
	GroupIngest Group = "ingest"
	GroupAPI    Group = "api"
	GroupFleet  Group = "fleet"
)

// Groups in the order of their start.
var Groups = []Group{GroupFabric, GroupInflux, GroupIngest, GroupAPI, GroupFleet}

// Names of processes and of listeners that are not a process of their own.
const (
	IngestProcess = "ingest-" + string(Operator)
	IngestID      = string(Operator) + ".ingest-1" // names its heads log
	MQTT          = "mqtt"
	Fleet         = "fleet"
	Supervisor    = "supervisor" // watches all others
	Guard         = "guard"      // watches the supervisor
	LauncherName  = "launcher"   // in the certificate that reads the nodes' metrics
)

func OrdererProcess(o Org) string   { return "orderer-" + string(o) }
func PeerProcess(o Org) string      { return "peer-" + string(o) }
func ChaincodeProcess(o Org) string { return "chaincode-" + string(o) }
func APIProcess(o Org) string       { return "api-" + string(o) }
func InfluxProcess(o Org) string    { return "influxdb-" + string(o) }

// Process is one long-running program.
type Process struct {
	Name      string
	Group     Group
	Listeners []string // names in Ports, the main one first
}

// Watchers start the others again, and each other. They start last and stop first.
var Watchers = []string{Supervisor, Guard}

// Processes in the order of their start; stopping goes the other way.
func Processes() []Process {
	var all []Process
	for _, o := range Orgs {
		n := OrdererProcess(o)
		all = append(all, Process{n, GroupFabric, []string{n, n + ".admin", n + ".ops"}})
	}
	for _, o := range Orgs {
		n := PeerProcess(o)
		all = append(all, Process{n, GroupFabric, []string{n, n + ".chaincode", n + ".ops"}})
	}
	for _, o := range Orgs {
		n := ChaincodeProcess(o)
		all = append(all, Process{n, GroupFabric, []string{n}})
	}
	for _, o := range Orgs {
		n := InfluxProcess(o)
		all = append(all, Process{n, GroupInflux, []string{n, n + ".rpc"}})
	}
	all = append(all, Process{IngestProcess, GroupIngest, []string{IngestProcess, MQTT}})
	for _, o := range Orgs {
		all = append(all, Process{APIProcess(o), GroupAPI, []string{APIProcess(o)}})
	}
	return append(all, Process{Fleet, GroupFleet, nil})
}

// Ports gives every listener its TCP port on 127.0.0.1, by name: the process's name, and for its further listeners the
// name, a dot and the role (`peer-carrier.ops`).
type Ports map[string]int

// Span is how many ports, from the base on, PortsFrom may use.
const Span = 60

// DefaultPorts are the well-known ones: 7050 up for Fabric, 1883 MQTT, 8070 ingest, 8080 to 8083 api, 8086 up InfluxDB.
func DefaultPorts() Ports {
	return ports(7050, 8080, 8086, Ports{IngestProcess: 8070, MQTT: 1883})
}

// PortsFrom gives all ports out of base … base+Span-1.
func PortsFrom(base int) Ports {
	return ports(base, base+40, base+52, Ports{IngestProcess: base + 50, MQTT: base + 51})
}

// ports adds every organisation's to p: ten for Fabric each, one for its api, two for its InfluxDB.
func ports(fabric, api, influx int, p Ports) Ports {
	for i, o := range Orgs {
		at := fabric + 10*i
		p[APIProcess(o)] = api + i
		p[InfluxProcess(o)], p[InfluxProcess(o)+".rpc"] = influx+2*i, influx+2*i+1
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
