package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/trackseal/trackseal/internal/fabric"
	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/service"
)

// Config of one organisation's api.
type Config struct {
	Org          string            `yaml:"org"`           // carrier, shipper, consignee or auditor
	Deployment   string            `yaml:"deployment"`    // audience of the trackers' MQTT passwords
	Listen       string            `yaml:"listen"`        // host:port
	PublicURL    string            `yaml:"public_url"`    // how people reach this api and its pages, printed in reports; "" = http://listen
	Dir          string            `yaml:"dir"`           // own data: state and the sealing key
	Influx       influx.Config     `yaml:"influx"`        // telemetry store
	Fabric       fabric.Config     `yaml:"fabric"`        // ledger
	Ingest       []IngestConfig    `yaml:"ingest"`        // instances to ask and to seal at
	MQTTURL      string            `yaml:"mqtt_url"`      // told to those who enrol a tracker
	Auth         AuthConfig        `yaml:"auth"`          // who may call
	DashboardDir string            `yaml:"dashboard_dir"` // served at / when it exists
	Log          service.LogConfig `yaml:"log"`
}

// IngestConfig is one ingest instance.
type IngestConfig struct {
	ID        string `yaml:"id"`
	Org       string `yaml:"org"`
	URL       string `yaml:"url"`        // http://host:port
	TokenFile string `yaml:"token_file"` // its read token
}

// AuthConfig says whose access tokens are accepted. Without issuers and clients_file nobody could call.
type AuthConfig struct {
	Issuer      string         `yaml:"issuer"`       // iss of the development issuer
	Audience    string         `yaml:"audience"`     // aud of its tokens, and the default for the issuers
	ClientsFile string         `yaml:"clients_file"` // JSON; "" = no development issuer
	KeyFile     string         `yaml:"key_file"`     // its signing key, made when absent
	Issuers     []IssuerConfig `yaml:"issuers"`
}

// IssuerConfig is an OIDC provider. Its access tokens must carry scope and org.
type IssuerConfig struct {
	Issuer   string   `yaml:"issuer"`
	JWKSURL  string   `yaml:"jwks_url"`
	Audience string   `yaml:"audience"` // "" = auth.audience
	Types    []string `yaml:"types"`    // accepted typ headers; empty = at+jwt
}

// Validate fills defaults and returns every problem at once.
func (c *Config) Validate() error {
	var problems []error
	bad := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	need := func(name, value string) {
		if value == "" {
			bad("%s is missing", name)
		}
	}
	if c.Fabric.Channel == "" {
		c.Fabric.Channel = ledger.Channel
	}
	if c.Fabric.Chaincode == "" {
		c.Fabric.Chaincode = ledger.Chaincode
	}
	need("org", c.Org)
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		bad("listen %q: must be host:port", c.Listen)
	}
	if c.PublicURL == "" {
		c.PublicURL = "http://" + c.Listen
	}
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	if u, err := url.Parse(c.PublicURL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		bad("public_url %q: must be a URL such as https://api.example.com", c.PublicURL)
	}
	need("dir", c.Dir)
	need("influx.url", c.Influx.URL)
	need("influx.bucket", c.Influx.Bucket)
	need("influx.token_file", c.Influx.TokenFile)
	need("fabric.profile", c.Fabric.Profile)
	need("fabric.org", c.Fabric.Org)
	need("fabric.user", c.Fabric.User)
	need("mqtt_url", c.MQTTURL)
	need("auth.audience", c.Auth.Audience)
	for i, in := range c.Ingest {
		need(fmt.Sprintf("ingest[%d].id", i), in.ID)
		need(fmt.Sprintf("ingest[%d].url", i), in.URL)
		need(fmt.Sprintf("ingest[%d].token_file", i), in.TokenFile)
	}
	if c.Auth.ClientsFile == "" && len(c.Auth.Issuers) == 0 {
		bad("auth: give clients_file (development issuer) or issuers")
	}
	if c.Auth.ClientsFile != "" {
		need("auth.issuer", c.Auth.Issuer)
		need("auth.key_file", c.Auth.KeyFile)
	}
	seen := map[string]bool{c.Auth.Issuer: c.Auth.ClientsFile != ""}
	for i, is := range c.Auth.Issuers {
		if u, err := url.Parse(is.Issuer); err != nil || u.Host == "" {
			bad("auth.issuers[%d].issuer %q: must be a URL", i, is.Issuer)
		}
		if seen[is.Issuer] {
			bad("auth.issuers[%d].issuer %q is given twice", i, is.Issuer)
		}
		seen[is.Issuer] = true
		need(fmt.Sprintf("auth.issuers[%d].jwks_url", i), is.JWKSURL)
	}
	if err := c.Log.Validate(); err != nil {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}
