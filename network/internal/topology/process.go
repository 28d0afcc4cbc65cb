package topology

import "strings"

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

// Names of processes that are no member's.
const (
	Fleet        = "fleet"
	Supervisor   = "supervisor" // watches all others
	Guard        = "guard"      // watches the supervisor
	LauncherName = "launcher"   // in the certificate that reads the nodes' metrics
)

func OrdererProcess(o Org) string   { return "orderer-" + string(o) }
func PeerProcess(o Org) string      { return "peer-" + string(o) }
func ChaincodeProcess(o Org) string { return "chaincode-" + string(o) }
func APIProcess(o Org) string       { return "api-" + string(o) }
func InfluxProcess(o Org) string    { return "influxdb-" + string(o) }
func IngestProcess(o Org) string    { return "ingest-" + string(o) }

// MQTT is the listener of a member's broker, which is in its ingest's process.
func MQTT(o Org) string { return "mqtt-" + string(o) }

// IngestID names the heads log of a member's instance.
func IngestID(o Org) string { return string(o) + ".ingest-1" }

// Process is one long-running program.
type Process struct {
	Name      string
	Org       Org // "" = no member's
	Group     Group
	Listeners []string // names in Ports, the main one first
}

// Watchers start the others again, and each other. They start last and stop first.
var Watchers = []string{Supervisor, Guard}

// Processes in the order of their start; stopping goes the other way.
func (s Stack) Processes() []Process {
	var all []Process
	add := func(orgs []Org, group Group, name func(Org) string, more func(Org) []string) {
		for _, o := range orgs {
			all = append(all, Process{name(o), o, group, append([]string{name(o)}, more(o)...)})
		}
	}
	with := func(name func(Org) string, roles ...string) func(Org) []string {
		return func(o Org) (listeners []string) {
			for _, r := range roles {
				listeners = append(listeners, name(o)+"."+r)
			}
			return listeners
		}
	}
	add(s.Founders(), GroupFabric, OrdererProcess, with(OrdererProcess, "admin", "ops"))
	add(s.Nodes(), GroupFabric, PeerProcess, with(PeerProcess, "chaincode", "ops"))
	add(s.Nodes(), GroupFabric, ChaincodeProcess, with(ChaincodeProcess))
	add(s.Nodes(), GroupInflux, InfluxProcess, with(InfluxProcess, "rpc"))
	add(s.Ingests(), GroupIngest, IngestProcess, func(o Org) []string { return append([]string{MQTT(o)}, s.ops(IngestProcess(o))...) })
	add(s.Nodes(), GroupAPI, APIProcess, func(o Org) []string { return s.ops(APIProcess(o)) })
	if len(s.Founders()) > 0 { // the fleet is the demo's
		all = append(all, Process{Name: Fleet, Group: GroupFleet})
	}
	return all
}

// ops is a listener of its own for /readyz and /metrics of a program of ours, which it shows beside the rest on loopback only.
func (s Stack) ops(process string) []string {
	if ops := s.Ops(process); ops != process {
		return []string{ops}
	}
	return nil
}

// Ops is the listener at which a program of ours shows /readyz and /metrics.
func (s Stack) Ops(process string) string {
	if _, o := owner(process); s.Member(o).Local() {
		return process
	}
	return process + ".ops"
}

// owner splits a listener's name into its role and its member: peer-carrier.ops is the role peer.ops of carrier.
func owner(listener string) (role string, o Org) {
	name, part, _ := strings.Cut(listener, ".")
	kind, org, _ := strings.Cut(name, "-")
	if part != "" {
		kind += "." + part
	}
	return kind, Org(org)
}
