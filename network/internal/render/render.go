// Package render turns a topology into the text of every configuration file. Pure: it reads and writes nothing, and the
// same stack gives the same bytes.
package render

import (
	"bytes"
	"embed"
	"fmt"
	"regexp"
	"text/template"

	"github.com/trackseal/trackseal/network/internal/topology"
)

//go:embed templates/*.tmpl
var files embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"peer":      topology.PeerProcess,
	"orderer":   topology.OrdererProcess,
	"inc":       func(i int) int { return i + 1 },
	"quoteMeta": regexp.QuoteMeta,
}).ParseFS(files, "templates/*.tmpl"))

// values is what every template may use.
type values struct {
	Stack      topology.Stack
	Orgs       []topology.Org
	Org        topology.Org   // the file's owner, where there is one
	OwnFirst   []topology.Org // all, the owner first
	Operator   topology.Org
	Ingest     string
	Channel    string
	Chaincode  string
	Deployment string
	Bucket     string
}

func render(name string, s topology.Stack, o topology.Org) ([]byte, error) {
	v := values{
		Stack: s, Orgs: topology.Orgs, Org: o, Operator: topology.Operator, Ingest: topology.IngestProcess,
		Channel: topology.Channel, Chaincode: topology.Chaincode, Deployment: topology.Deployment, Bucket: topology.Bucket,
		OwnFirst: []topology.Org{o},
	}
	for _, other := range topology.Orgs {
		if other != o {
			v.OwnFirst = append(v.OwnFirst, other)
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
}

// Fabric renders what Fabric's programs read: certificates' and channel's description, one configuration per node, the
// external builder, the clients' connection profiles.
func Fabric(s topology.Stack) ([]File, error) {
	r := rendering{stack: s}
	r.add("crypto-config.yaml.tmpl", "", s.CryptoConfig())
	r.add("configtx.yaml.tmpl", "", s.ConfigtxFile())
	for _, o := range topology.Orgs {
		r.add("core.yaml.tmpl", o, s.PeerConfig(o))
		r.add("orderer.yaml.tmpl", o, s.OrdererConfig(o))
		r.add("profile.yaml.tmpl", o, s.Profile(o))
	}
	r.files = append(r.files, builder(s)...)
	return r.files, r.err
}

// InfluxDB renders the configuration of influxd.
func InfluxDB(s topology.Stack) ([]File, error) {
	r := rendering{stack: s}
	r.add("influxdb.conf.tmpl", "", s.InfluxConfig())
	return r.files, r.err
}

// Programs renders the configurations of ingest and of the four api.
func Programs(s topology.Stack) ([]File, error) {
	r := rendering{stack: s}
	r.add("ingest.yaml.tmpl", topology.Operator, s.IngestConfig())
	for _, o := range topology.Orgs {
		r.add("api.yaml.tmpl", o, s.APIConfig(o))
	}
	return r.files, r.err
}

// rendering collects files until the first error.
type rendering struct {
	stack topology.Stack
	files []File
	err   error
}

func (r *rendering) add(name string, o topology.Org, path string) {
	if r.err != nil {
		return
	}
	data, err := render(name, r.stack, o)
	if err != nil {
		r.err = err
		return
	}
	r.files = append(r.files, File{Path: path, Data: data, Mode: 0o600})
}
