package topology

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
	Influx        = "influxdb"
	InfluxRPC     = "influxdb.rpc"
	IngestProcess = "ingest-" + string(Operator)
	MQTT          = "mqtt"
	Fleet         = "fleet"
	Supervisor    = "supervisor"
)

func OrdererProcess(o Org) string   { return "orderer-" + string(o) }
func PeerProcess(o Org) string      { return "peer-" + string(o) }
func ChaincodeProcess(o Org) string { return "chaincode-" + string(o) }
func APIProcess(o Org) string       { return "api-" + string(o) }

// Process is one long-running program.
type Process struct {
	Name      string
	Group     Group
	Listeners []string // names in Ports, the main one first
}

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
	all = append(all, Process{Influx, GroupInflux, []string{Influx, InfluxRPC}})
	all = append(all, Process{IngestProcess, GroupIngest, []string{IngestProcess, MQTT}})
	for _, o := range Orgs {
		all = append(all, Process{APIProcess(o), GroupAPI, []string{APIProcess(o)}})
	}
	return append(all, Process{Fleet, GroupFleet, nil})
}
