package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/internal/codec"
	"github.com/trackseal/trackseal/internal/fabric"
	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/secure"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Config of one organisation's api.
type Config struct {
	Org          string            `yaml:"org"`           // carrier, shipper, consignee or auditor
	Deployment   string            `yaml:"deployment"`    // audience of the trackers' MQTT passwords
	Listen       string            `yaml:"listen"`        // host:port
	Ops          string            `yaml:"ops_listen"`    // host:port of /readyz and /metrics; "" = at listen where only this machine reaches that, else nowhere
	TLS          secure.Server     `yaml:"tls"`           // of listen: cert, key, client_ca
	Insecure     bool              `yaml:"insecure"`      // listen is meant to be plain text, although other machines reach it
	PublicURL    string            `yaml:"public_url"`    // how people reach this api and its pages, printed in reports; "" = listen
	Dir          string            `yaml:"dir"`           // own data: state and the sealing key
	Influx       influx.Config     `yaml:"influx"`        // telemetry store
	Fabric       fabric.Config     `yaml:"fabric"`        // ledger
	Ingest       []string          `yaml:"ingest"`        // ids of the instances that write into influx themselves; what all others store is copied into it, verified
	Calls        secure.Client     `yaml:"calls"`         // to other members' nodes, whose addresses and authorities are on the ledger: more authorities, a client certificate, insecure
	MQTTURL      string            `yaml:"mqtt_url"`      // told to those who enrol a tracker; loggers' files go there, too
	MQTT         secure.Client     `yaml:"mqtt"`          // ca, cert, key and insecure of the api's own connections to it
	Auth         AuthConfig        `yaml:"auth"`          // who may call
	DashboardDir string            `yaml:"dashboard_dir"` // served at / when it exists
	Codecs       codec.Config      `yaml:"codecs"`        // how device makers' scripts in profiles run, when one is tried or imported, and when copies and evidence are checked
	Report       ReportConfig      `yaml:"report"`        // how reports look
	Log          service.LogConfig `yaml:"log"`
}

// ReportConfig says how reports as PDF look.
type ReportConfig struct {
	Fonts []string `yaml:"fonts"` // TrueType files for what the built-in fonts lack, asked in this order; absent = those of Debian's packages that are there
	Logo  string   `yaml:"logo"`  // PNG or JPEG at the top of the first page
}

// AuthConfig says whose access tokens are accepted. Without issuers and clients_file nobody could call.
type AuthConfig struct {
	Issuer      string         `yaml:"issuer"`       // iss of the development issuer
	Audience    string         `yaml:"audience"`     // aud of its tokens, and the default for the issuers
	ClientsFile string         `yaml:"clients_file"` // JSON, mode 0600; "" = no development issuer
	KeyFile     string         `yaml:"key_file"`     // its signing key, mode 0600, made when absent
	Insecure    bool           `yaml:"insecure"`     // a development issuer is meant, although other machines reach it
	Issuers     []IssuerConfig `yaml:"issuers"`
}

// IssuerConfig is an OIDC provider. Its access tokens must be JWTs. A claim is named as it stands, or, when it lies deeper, by a
// JSON pointer such as /realm_access/roles.
type IssuerConfig struct {
	Issuer     string              `yaml:"issuer"`
	JWKSURL    string              `yaml:"jwks_url"`   // "" = what the provider's discovery document names
	Audience   string              `yaml:"audience"`   // "" = auth.audience
	Types      []string            `yaml:"types"`      // accepted typ headers, lower case; empty = at+jwt
	OrgClaim   string              `yaml:"org_claim"`  // names the organisation; "" = org
	OrgValue   string              `yaml:"org_value"`  // what that claim is, or contains, for this organisation; "" = org of this api
	SingleOrg  bool                `yaml:"single_org"` // the provider has accounts of this organisation only: no claim names it
	RolesClaim string              `yaml:"roles_claim"`
	Roles      map[string][]string `yaml:"roles"`          // role -> scopes; with roles_claim only, and then the claim scope grants nothing
	NameClaim  string              `yaml:"name_claim"`     // printed name of a person; "" = name
	People     []string            `yaml:"people_clients"` // clients by which people sign in, beside the page; all others sign as machines
	Page       *PageConfig         `yaml:"page"`           // absent: the page does not offer this provider
}

// PageConfig lets people sign in on the page, by authorization code with PKCE.
type PageConfig struct {
	ClientID   string            `yaml:"client_id"`  // a public client: no secret; its redirect URI is public_url with a slash behind it
	Scope      string            `yaml:"scope"`      // "" = openid profile
	Parameters map[string]string `yaml:"parameters"` // more for the authorization request, for instance audience or resource
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
		if c.TLS.On() {
			c.PublicURL = "https://" + c.Listen
		}
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
	for i, id := range c.Ingest {
		if _, life := ledger.LifeOf(id); !telemetry.ValidID(id) || life > 1 || ledger.MemberOf(id) != c.Org {
			bad("ingest[%d] %q: must be the id of an instance of %s, such as %s.ingest-1", i, id, c.Org, c.Org)
		}
	}
	if (c.Calls.Cert == "") != (c.Calls.Key == "") {
		bad("calls: a client certificate needs both cert and key")
	}
	problems = append(problems, c.TLS.Check("listen", c.Listen, c.Insecure), c.TLS.Check("ops_listen", c.Ops, c.Insecure), c.Influx.Client.Check("influx.url", c.Influx.URL), c.MQTT.Check("mqtt_url", c.MQTTURL))
	if c.Auth.ClientsFile == "" && len(c.Auth.Issuers) == 0 {
		bad("auth: give clients_file (development issuer) or issuers")
	}
	if c.Auth.ClientsFile != "" {
		if !c.Auth.Insecure && c.Listen != "" && !secure.Local(c.Listen) {
			bad("auth.clients_file: the development issuer is for one machine, and other machines reach listen %s; name your OpenID provider in auth.issuers, or set auth.insecure: true", c.Listen)
		}
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
		for _, problem := range is.problems() {
			bad("auth.issuers[%d].%s", i, problem)
		}
		if is.Page != nil && slices.ContainsFunc(c.Auth.Issuers[:i], func(o IssuerConfig) bool { return o.Page != nil }) {
			bad("auth.issuers[%d].page: the page can sign people in at one provider only", i)
		}
	}
	if err := c.Log.Validate(); err != nil {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// reservedParameters of an authorization request are made for each sign-in.
var reservedParameters = []string{"client_id", "response_type", "response_mode", "redirect_uri", "scope", "state", "nonce", "code_challenge", "code_challenge_method", "request", "request_uri"}

func (is IssuerConfig) problems() (found []string) {
	if (is.RolesClaim == "") != (len(is.Roles) == 0) {
		found = append(found, "roles_claim and roles: give both or none")
	}
	for role, granted := range is.Roles {
		for _, s := range granted {
			if !slices.Contains(access.Scopes, s) {
				found = append(found, fmt.Sprintf("roles.%s: unknown scope %q; there are %s", role, s, strings.Join(access.Scopes, ", ")))
			}
		}
	}
	if is.SingleOrg && (is.OrgClaim != "" || is.OrgValue != "") {
		found = append(found, "single_org: then no org_claim or org_value is read; remove them")
	}
	if is.Page == nil {
		return found
	}
	if is.Page.ClientID == "" {
		found = append(found, "page.client_id is missing")
	}
	if is.JWKSURL != "" {
		found = append(found, "page: its endpoints come from discovery, and so do the keys; remove jwks_url")
	}
	for name := range is.Page.Parameters {
		if slices.Contains(reservedParameters, name) {
			found = append(found, fmt.Sprintf("page.parameters.%s: is made for each sign-in; remove it", name))
		}
	}
	return found
}

func (is IssuerConfig) claims() access.Claims {
	c := access.Claims{Org: is.OrgClaim, OrgValue: is.OrgValue, SingleOrg: is.SingleOrg, Roles: is.RolesClaim, Grants: is.Roles, Name: is.NameClaim, People: is.People}
	if is.Page != nil {
		c.People = append(slices.Clone(c.People), is.Page.ClientID)
	}
	return c
}
