package render

import (
	"encoding/json"

	"github.com/trackseal/trackseal/network/internal/topology"
)

// StackFile is stack.json: where everything is, for tests and for programs that take `--stack DIR`. Members are only added.
type StackFile struct {
	Dir        string                 `json:"dir"`
	Channel    string                 `json:"channel"`
	Chaincode  string                 `json:"chaincode"`
	Deployment string                 `json:"deployment"`
	Orderers   string                 `json:"orderers"`       // bft | raft
	CA         string                 `json:"ca,omitempty"`   // PEM file of the authority of all addresses below; "" = they are plain text
	MQTT       string                 `json:"mqtt,omitempty"` // of the first ingest
	Influx     map[string]StackInflux `json:"influx"`         // by organisation
	Ingest     []StackIngest          `json:"ingest"`
	API        map[string]StackAPI    `json:"api"`  // by organisation
	Orgs       map[string]StackOrg    `json:"orgs"` // by organisation
	Processes  []StackProcess         `json:"processes"`
}

// StackInflux is an organisation's database, with the token of its administrator and that of its api.
type StackInflux struct {
	URL       string `json:"url"`
	Org       string `json:"org"`
	Bucket    string `json:"bucket"`
	TokenFile string `json:"token_file"`
	APIToken  string `json:"api_token_file"`
}

// StackIngest is one ingest instance.
type StackIngest struct {
	ID   string `json:"id"`
	Org  string `json:"org"`
	URL  string `json:"url"`
	MQTT string `json:"mqtt"`
}

// StackAPI is one organisation's api and the clear secrets of its clients.
type StackAPI struct {
	URL         string `json:"url"`
	ClientsFile string `json:"clients_file"`
	SecretsFile string `json:"secrets_file"`
}

// StackOrg is one organisation's way into the ledger.
type StackOrg struct {
	MSP     string   `json:"msp"`
	Profile string   `json:"profile"`
	Users   []string `json:"users"`
}

// StackProcess is one process and its main port; 0 when it does not listen.
type StackProcess struct {
	Name string `json:"name"`
	Port int    `json:"port,omitempty"`
}

// stackFile renders stack.json.
func stackFile(s topology.Stack) (File, error) {
	f := StackFile{
		Dir: s.Dir, Channel: topology.Channel, Chaincode: topology.Chaincode, Deployment: topology.Deployment,
		Orderers: string(s.Orderers),
		Influx:   map[string]StackInflux{},
		Ingest:   []StackIngest{},
		API:      map[string]StackAPI{},
		Orgs:     map[string]StackOrg{},
	}
	if s.TLS {
		f.CA = s.Authority()
	}
	for _, o := range s.Ingests() {
		f.Ingest = append(f.Ingest, StackIngest{ID: topology.IngestID(o), Org: string(o), URL: s.URL(topology.IngestProcess(o)), MQTT: s.MQTTURL(o)})
	}
	if len(f.Ingest) > 0 {
		f.MQTT = f.Ingest[0].MQTT
	}
	for _, o := range s.Nodes() {
		var users []string
		for _, u := range s.Users(o) {
			users = append(users, u.Name)
		}
		f.Influx[string(o)] = StackInflux{URL: s.URL(topology.InfluxProcess(o)), Bucket: topology.Bucket, TokenFile: s.InfluxToken(o, "admin"), APIToken: s.InfluxToken(o, "api")}
		f.API[string(o)] = StackAPI{URL: s.URL(topology.APIProcess(o)), ClientsFile: s.APIClients(o), SecretsFile: s.APISecrets(o)}
		f.Orgs[string(o)] = StackOrg{MSP: o.MSP(), Profile: s.Profile(o), Users: users}
	}
	for _, p := range s.Processes() {
		sp := StackProcess{Name: p.Name}
		if len(p.Listeners) > 0 {
			sp.Port = s.Ports[p.Listeners[0]]
		}
		f.Processes = append(f.Processes, sp)
	}
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return File{}, err
	}
	return File{Path: s.StackFile(), Data: append(data, '\n'), Mode: 0o600}, nil
}
