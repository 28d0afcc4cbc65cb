package topology

import (
	"net"
	"path/filepath"
	"slices"
	"strconv"
)

// Consensus is how the orderers agree.
type Consensus string

const (
	BFT  Consensus = "bft"  // SmartBFT: a block carries the signatures of 3 of 4 orderers
	Raft Consensus = "raft" // a block carries one orderer's signature
)

// What the stack's ledger and deployment are called.
const (
	Channel    = "trackseal"
	Chaincode  = "trackseal"
	Deployment = "trackseal"
	Bucket     = "trackseal/autogen"
	Database   = "trackseal"
)

// Stack is one deployment in one folder. Paths are absolute when Dir and Root are.
type Stack struct {
	Dir      string // state: everything that `up` makes
	Root     string // the checkout; "" when only the state is looked at
	Members  []Member
	Orderers Consensus
	Ports    Ports
	TLS      bool // on every connection, also on those that stay on this machine
}

// Host of a listener: its member's, or loopback when nobody outside of the folder speaks to it.
func (s Stack) Host(listener string) string {
	if role, o := owner(listener); slices.Contains(open, role) {
		return s.Member(o).Host
	}
	return Loopback
}

// Addr is host:port of a listener.
func (s Stack) Addr(listener string) string {
	return net.JoinHostPort(s.Host(listener), strconv.Itoa(s.Ports[listener]))
}

// Port of a listener.
func (s Stack) Port(listener string) int { return s.Ports[listener] }

// URL is the address of a listener that speaks HTTP.
func (s Stack) URL(listener string) string {
	if s.TLS {
		return "https://" + s.Addr(listener)
	}
	return "http://" + s.Addr(listener)
}

// MQTTURL is where trackers connect to a member's broker.
func (s Stack) MQTTURL(o Org) string {
	if s.TLS {
		return "ssl://" + s.Addr(MQTT(o))
	}
	return "tcp://" + s.Addr(MQTT(o))
}

func (s Stack) path(elem ...string) string {
	return filepath.Join(append([]string{s.Dir}, elem...)...)
}

// Files of the launcher itself.

func (s Stack) Settings() string           { return s.path("settings.json") }
func (s Stack) StackFile() string          { return s.path("stack.json") }
func (s Stack) PrometheusConfig() string   { return s.path("prometheus.yml") }
func (s Stack) OverrideDir() string        { return s.path("override") }
func (s Stack) BinDir() string             { return s.path("bin") }
func (s Stack) Program(name string) string { return s.path("bin", name) }
func (s Stack) ServersDir() string         { return s.path("bin", "servers") }
func (s Stack) RunDir() string             { return s.path("run") }
func (s Stack) LogDir() string             { return s.path("logs") }
func (s Stack) Log(process string) string  { return s.path("logs", process+".log") }
func (s Stack) Beat(watcher string) string { return s.path("run", watcher+".beat") }

// TLS of everything but Fabric's own connections, whose certificates come from the organisations.

func (s Stack) TLSDir() string               { return s.path("tls") }
func (s Stack) Authority() string            { return s.path("tls", "ca.pem") }
func (s Stack) AuthorityKey() string         { return s.path("tls", "ca.key") }
func (s Stack) ServerCert(who string) string { return s.path("tls", who+".crt") }
func (s Stack) ServerKey(who string) string  { return s.path("tls", who+".key") }

// Fabric: certificates.

func (s Stack) FabricDir() string { return s.path("fabric") }
func (s Stack) CryptoDir() string { return s.path("fabric", "crypto") }

func (s Stack) peerOrg(o Org, elem ...string) string {
	return s.path(append([]string{"fabric", "crypto", "peerOrganizations", o.Domain()}, elem...)...)
}

func (s Stack) ordererOrg(o Org, elem ...string) string {
	return s.path(append([]string{"fabric", "crypto", "ordererOrganizations", o.OrdererDomain()}, elem...)...)
}

func (s Stack) OrgMSPDir(o Org) string        { return s.peerOrg(o, "msp") }
func (s Stack) OrdererOrgMSPDir(o Org) string { return s.ordererOrg(o, "msp") }
func (s Stack) PeerMSPDir(o Org) string       { return s.peerOrg(o, "peers", o.PeerHost(), "msp") }
func (s Stack) PeerTLSDir(o Org) string       { return s.peerOrg(o, "peers", o.PeerHost(), "tls") }
func (s Stack) OrdererMSPDir(o Org) string {
	return s.ordererOrg(o, "orderers", o.OrdererHost(), "msp")
}
func (s Stack) OrdererTLSDir(o Org) string {
	return s.ordererOrg(o, "orderers", o.OrdererHost(), "tls")
}
func (s Stack) OrdererSignCert(o Org) string {
	return filepath.Join(s.OrdererMSPDir(o), "signcerts", o.OrdererHost()+"-cert.pem")
}
func (s Stack) PeerSignCert(o Org) string {
	return filepath.Join(s.PeerMSPDir(o), "signcerts", o.PeerHost()+"-cert.pem")
}
func (s Stack) CACert(o Org) string    { return s.peerOrg(o, "ca", "ca."+o.Domain()+"-cert.pem") }
func (s Stack) CAKey(o Org) string     { return s.peerOrg(o, "ca", "priv_sk") }
func (s Stack) TLSCACert(o Org) string { return s.peerOrg(o, "tlsca", "tlsca."+o.Domain()+"-cert.pem") }
func (s Stack) TLSCAKey(o Org) string  { return s.peerOrg(o, "tlsca", "priv_sk") }
func (s Stack) OrdererCACert(o Org) string {
	return s.ordererOrg(o, "ca", "ca."+o.OrdererDomain()+"-cert.pem")
}
func (s Stack) OrdererCAKey(o Org) string { return s.ordererOrg(o, "ca", "priv_sk") }
func (s Stack) OrdererTLSCACert(o Org) string {
	return s.ordererOrg(o, "tlsca", "tlsca."+o.OrdererDomain()+"-cert.pem")
}
func (s Stack) OrdererTLSCAKey(o Org) string { return s.ordererOrg(o, "tlsca", "priv_sk") }

// UserMSPDir of an identity: Admin, api, ingest.
func (s Stack) UserMSPDir(o Org, user string) string {
	return s.peerOrg(o, "users", user+"@"+o.Domain(), "msp")
}

// UserCert and UserKey of an identity.
func (s Stack) UserCert(o Org, user string) string {
	return filepath.Join(s.UserMSPDir(o, user), "signcerts", user+"@"+o.Domain()+"-cert.pem")
}
func (s Stack) UserKey(o Org, user string) string {
	return filepath.Join(s.UserMSPDir(o, user), "keystore", "priv_sk")
}

// PeerOrgDir and OrdererOrgDir hold all of an organisation's keys.
func (s Stack) PeerOrgDir(o Org) string    { return s.peerOrg(o) }
func (s Stack) OrdererOrgDir(o Org) string { return s.ordererOrg(o) }

// The administrator of the organisation's orderer.
func (s Stack) OrdererAdminMSPDir(o Org) string {
	return s.ordererOrg(o, "users", "Admin@"+o.OrdererDomain(), "msp")
}
func (s Stack) OrdererAdminCert(o Org) string {
	return filepath.Join(s.OrdererAdminMSPDir(o), "signcerts", "Admin@"+o.OrdererDomain()+"-cert.pem")
}

// OrdererAdminTLSDir holds the client certificate for the orderer's admin listener.
func (s Stack) OrdererAdminTLSDir(o Org) string {
	return s.ordererOrg(o, "users", "Admin@"+o.OrdererDomain(), "tls")
}

// ChaincodeTLSDir holds the chaincode server's and the peer's client certificate for their connection.
func (s Stack) ChaincodeTLSDir(o Org) string { return s.peerOrg(o, "chaincode", "tls") }

// Fabric: channel, nodes, chaincode package, profiles.

func (s Stack) ConfigtxDir() string              { return s.path("fabric", "configtx") }
func (s Stack) ConfigtxFile() string             { return s.path("fabric", "configtx", "configtx.yaml") }
func (s Stack) ChannelBlock() string             { return s.path("fabric", Channel+".block") }
func (s Stack) Invitation() string               { return s.path("fabric", "invitation.json") }
func (s Stack) ChannelConfig() string            { return s.path("fabric", "channel", "config.json") }
func (s Stack) TLSRoots(msp string) string       { return s.path("fabric", "channel", msp+".pem") }
func (s Stack) ChaincodeCopy(hash string) string { return s.path("fabric", "chaincode", hash) }
func (s Stack) NodeDir(process string) string    { return s.path("fabric", process) }
func (s Stack) NodeData(process string) string   { return s.path("fabric", process, "data") }
func (s Stack) PeerConfig(o Org) string          { return s.path("fabric", PeerProcess(o), "core.yaml") }
func (s Stack) OrdererConfig(o Org) string {
	return s.path("fabric", OrdererProcess(o), "orderer.yaml")
}
func (s Stack) BuilderDir() string   { return s.path("fabric", "builder") }
func (s Stack) Package(o Org) string { return s.path("fabric", "packages", string(o)+".tar.gz") }
func (s Stack) Profile(o Org) string { return s.path("fabric", "profiles", string(o)+".yaml") }

// InfluxDB, one for each organisation.

func (s Stack) InfluxDir(o Org) string    { return s.path(InfluxProcess(o)) }
func (s Stack) InfluxConfig(o Org) string { return s.path(InfluxProcess(o), "influxdb.conf") }
func (s Stack) InfluxToken(o Org, user string) string {
	return s.path(InfluxProcess(o), user+"-token")
}

// Our programs.

func (s Stack) IngestDir(o Org) string    { return s.path(IngestProcess(o)) }
func (s Stack) IngestConfig(o Org) string { return s.path(IngestProcess(o), "config.yaml") }
func (s Stack) MQTTPassword(o Org) string { return s.path(IngestProcess(o), "mqtt-password") }
func (s Stack) APIDir(o Org) string       { return s.path(APIProcess(o)) }
func (s Stack) APIConfig(o Org) string    { return s.path(APIProcess(o), "config.yaml") }
func (s Stack) APIClients(o Org) string   { return s.path(APIProcess(o), "clients.json") }
func (s Stack) APISecrets(o Org) string   { return s.path(APIProcess(o), "clients-secrets.json") }
func (s Stack) SignInLinks() string       { return s.path("sign-in-links") }
func (s Stack) FleetDir() string          { return s.path("fleet") }

// OldIngestDir is where folders of before had the only ingest.
func (s Stack) OldIngestDir() string { return s.path("ingest") }

// DashboardDir is where the web app's build lies.
func (s Stack) AlertRules() string {
	return filepath.Join(s.Root, "network", "monitoring", "alerts.yml")
}
func (s Stack) DashboardDir() string { return filepath.Join(s.Root, "dashboards", "dist") }
