// Package render turns a topology into the text of every configuration file. Pure: it reads and writes nothing, and the
// same stack gives the same bytes.
package render

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/network/internal/topology"
)

//go:embed templates/*.tmpl
var files embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"peer":      topology.PeerProcess,
	"orderer":   topology.OrdererProcess,
	"ingest":    topology.IngestProcess,
	"ingestID":  topology.IngestID,
	"mqtt":      topology.MQTT,
	"inc":       func(i int) int { return i + 1 },
	"quoteMeta": regexp.QuoteMeta,
	"endorse":   func(of []topology.Org) string { return rule(ledger.EndorsersNeeded(len(of)), of) },
	"agree":     func(of []topology.Org) string { return rule(ledger.Majority(len(of)), of) },
}).ParseFS(files, "templates/*.tmpl"))

// rule is the signature policy that peers of n of the members sign.
func rule(n int, of []topology.Org) string {
	var peers []string
	for _, o := range of {
		peers = append(peers, "'"+o.MSP()+".peer'")
	}
	return fmt.Sprintf("OutOf(%d, %s)", n, strings.Join(peers, ", "))
}

// values is what every template may use.
type values struct {
	Stack      topology.Stack
	Nodes      []topology.Org
	Founders   []topology.Org
	Org        topology.Org   // the file's owner, where there is one
	OwnFirst   []topology.Org // all nodes, the owner first
	Broker     topology.Org   // whose broker trackers are told to use; "" = nobody's here
	Programs   []string       // of ours, that have metrics
	Channel    string
	Chaincode  string
	Deployment string
	Bucket     string
	// In a connection profile only, the owner's first.
	Peers    []Node
	Orderers []Node
}

func render(name string, s topology.Stack, o topology.Org, c Channel) ([]byte, error) {
	c = c.ownFirst(o)
	v := values{
		Stack: s, Nodes: s.Nodes(), Founders: s.Founders(), Org: o,
		Channel: topology.Channel, Chaincode: topology.Chaincode, Deployment: topology.Deployment, Bucket: topology.Bucket,
		OwnFirst: []topology.Org{o}, Peers: c.Peers, Orderers: c.Orderers,
	}
	for _, other := range v.Nodes {
		if other != o {
			v.OwnFirst = append(v.OwnFirst, other)
		}
	}
	if all := s.Ingests(); s.Member(o).Ingest {
		v.Broker = o
	} else if len(all) > 0 {
		v.Broker = all[0]
	}
	for _, p := range s.Processes() {
		if p.Group == topology.GroupIngest || p.Group == topology.GroupAPI {
			v.Programs = append(v.Programs, p.Name)
		}
	}
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, v); err != nil {
		return nil, fmt.Errorf("render %s: %w", name, err)
	}
	if b.Len() > 0 && b.Bytes()[b.Len()-1] != '\n' {
		b.WriteByte('\n')
	}
	return b.Bytes(), nil
}

// File is one rendered file.
type File struct {
	Path string // absolute
	Data []byte
	Mode uint32 // permission bits
	// Process, unless "", reads the file as YAML: it may be overridden.
	Process string
}

// All renders what Fabric's programs read (the channel's description, one configuration per node, the external
// builder, the clients' connection profiles once the channel is known), the configurations of each member's influxd, ingest and api, one for
// a Prometheus, and
// stack.json.
func All(s topology.Stack, c Channel) ([]File, error) {
	var all []File
	var problems []error
	add := func(name string, o topology.Org, path, process string) {
		data, err := render(name, s, o, c)
		problems = append(problems, err)
		all = append(all, File{Path: path, Data: data, Mode: 0o600, Process: process})
	}
	if len(s.Founders()) > 0 {
		add("configtx.yaml.tmpl", "", s.ConfigtxFile(), "")
	}
	for _, o := range s.Founders() {
		add("orderer.yaml.tmpl", o, s.OrdererConfig(o), topology.OrdererProcess(o))
	}
	for _, o := range s.Ingests() {
		add("ingest.yaml.tmpl", o, s.IngestConfig(o), topology.IngestProcess(o))
	}
	for _, o := range s.Nodes() {
		add("influxdb.conf.tmpl", o, s.InfluxConfig(o), "") // TOML
		add("core.yaml.tmpl", o, s.PeerConfig(o), topology.PeerProcess(o))
		if c.has(o) { // else it keeps what it has
			add("profile.yaml.tmpl", o, s.Profile(o), "")
		}
		add("api.yaml.tmpl", o, s.APIConfig(o), topology.APIProcess(o))
	}
	add("prometheus.yml.tmpl", "", s.PrometheusConfig(), "")
	f, err := stackFile(s)
	return append(append(all, builder(s)...), f), errors.Join(append(problems, err)...)
}

// The peer's external builder for a chaincode that runs as a service. Nothing is compiled: the package holds one file that
// says where the service listens, and the three steps hand it on to the peer.
const (
	detect = `#!/bin/sh
# detect SOURCE METADATA: is this package ours?
grep -q '"type": *"ccaas"' "$2/metadata.json"
`
	build = `#!/bin/sh
# build SOURCE METADATA OUTPUT
set -e
cp "$1/connection.json" "$3/connection.json"
`
	release = `#!/bin/sh
# release OUTPUT RELEASE: the peer looks for the address here.
set -e
mkdir -p "$2/chaincode/server"
cp "$1/connection.json" "$2/chaincode/server/connection.json"
`
)

func builder(s topology.Stack) []File {
	bin := filepath.Join(s.BuilderDir(), "bin")
	return []File{
		{Path: filepath.Join(bin, "detect"), Data: []byte(detect), Mode: 0o700},
		{Path: filepath.Join(bin, "build"), Data: []byte(build), Mode: 0o700},
		{Path: filepath.Join(bin, "release"), Data: []byte(release), Mode: 0o700},
	}
}
