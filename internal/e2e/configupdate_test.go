package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/testkit"
)

// configUpdate changes the running channel's configuration the way an administrator does, with Fabric's own programs: fetch
// the configuration, edit it, compute the difference, sign and submit it. The delta is computed by configtxlator, so this
// binary need not link the generated types (the protobuf wall).
type configUpdate struct {
	t       *testing.T
	s       *stack
	servers string // folder of Fabric's programs
	dir     string // for the files between the steps
	org     ledger.Founder
}

func (s *stack) configUpdate(t *testing.T, org string) *configUpdate {
	t.Helper()
	u := &configUpdate{t: t, s: s, dir: t.TempDir()}
	for _, o := range testkit.Founders {
		if o.Name == org {
			u.org = o
		}
	}
	cache := os.Getenv("TRACKSEAL_SERVER_CACHE")
	if cache == "" {
		cache = filepath.Join(s.Dir, "bin", "servers")
	}
	// Of several versions the newest is the one that runs.
	var newest time.Time
	found, _ := filepath.Glob(filepath.Join(cache, "fabric-*", "configtxlator"))
	for _, f := range found {
		if info, err := os.Stat(f); err == nil && info.ModTime().After(newest) {
			u.servers, newest = filepath.Dir(f), info.ModTime()
		}
	}
	if u.servers == "" {
		t.Fatalf("no configtxlator below %s: TRACKSEAL_SERVER_CACHE must name the folder that the stack's servers were built in", cache)
	}
	return u
}

func (u *configUpdate) port(process string) int {
	u.t.Helper()
	for _, p := range u.s.Processes {
		if p.Name == process {
			return p.Port
		}
	}
	u.t.Fatalf("stack.json does not name %s", process)
	return 0
}

func (u *configUpdate) file(name string) string { return filepath.Join(u.dir, name) }

// run calls one of Fabric's programs as the organisation's administrator.
func (u *configUpdate) run(program string, args ...string) {
	u.t.Helper()
	domain := u.org.Name + ".trackseal"
	crypto := filepath.Join(u.s.Dir, "fabric", "crypto", "peerOrganizations", domain)
	cmd := exec.Command(filepath.Join(u.servers, program), args...)
	cmd.Env = append(os.Environ(),
		"FABRIC_CFG_PATH="+filepath.Join(u.s.Dir, "fabric", "peer-"+u.org.Name), "FABRIC_LOGGING_SPEC=error",
		"CORE_PEER_LOCALMSPID="+u.org.MSP, "CORE_PEER_MSPCONFIGPATH="+filepath.Join(crypto, "users", "Admin@"+domain, "msp"),
		fmt.Sprintf("CORE_PEER_ADDRESS=127.0.0.1:%d", u.port("peer-"+u.org.Name)), "CORE_PEER_TLS_ENABLED=true",
		"CORE_PEER_TLS_ROOTCERT_FILE="+filepath.Join(crypto, "tlsca", "tlsca."+domain+"-cert.pem"))
	if out, err := cmd.CombinedOutput(); err != nil {
		u.t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
}

func (u *configUpdate) orderer() []string {
	domain := u.org.Name + "-orderer.trackseal"
	return []string{"-o", fmt.Sprintf("127.0.0.1:%d", u.port("orderer-"+u.org.Name)), "--tls",
		"--cafile", filepath.Join(u.s.Dir, "fabric", "crypto", "ordererOrganizations", domain, "tlsca", "tlsca."+domain+"-cert.pem")}
}

// decode answers a message of a file as JSON, encode writes one.
func (u *configUpdate) decode(kind, name string) map[string]any {
	u.t.Helper()
	u.run("configtxlator", "proto_decode", "--type", kind, "--input", u.file(name), "--output", u.file(name+".json"))
	raw, err := os.ReadFile(u.file(name + ".json"))
	if err != nil {
		u.t.Fatal(err)
	}
	var v map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		u.t.Fatal(err)
	}
	return v
}

func (u *configUpdate) encode(kind, name string, v any) {
	u.t.Helper()
	raw, err := json.Marshal(v)
	if err == nil {
		err = os.WriteFile(u.file(name+".json"), raw, 0o600)
	}
	if err != nil {
		u.t.Fatal(err)
	}
	u.run("configtxlator", "proto_encode", "--type", kind, "--input", u.file(name+".json"), "--output", u.file(name))
}

// dig walks into nested JSON objects; a number picks an element of a list.
func (u *configUpdate) dig(v any, path ...any) any {
	u.t.Helper()
	for _, step := range path {
		switch k := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			if v = m[k]; v == nil {
				u.t.Fatalf("the configuration has no %v of %v", k, path)
			}
		case int:
			l, _ := v.([]any)
			if k >= len(l) {
				u.t.Fatalf("the configuration has no %v of %v", k, path)
			}
			v = l[k]
		}
	}
	return v
}

// anchorHost gives the organisation's first anchor peer another host name and returns the one before. It ends when
// the organisation's orderer has the new configuration.
func (u *configUpdate) anchorHost(host string) (before string) {
	u.t.Helper()
	channel := u.s.Channel
	u.run("peer", append([]string{"channel", "fetch", "config", u.file("block"), "-c", channel}, u.orderer()...)...)
	config := u.dig(u.decode("common.Block", "block"), "data", "data", 0, "payload", "data", "config")
	u.encode("common.Config", "old", config)
	peer := u.dig(config, "channel_group", "groups", "Application", "groups", u.org.MSP, "values", "AnchorPeers", "value", "anchor_peers", 0).(map[string]any)
	before = peer["host"].(string)
	peer["host"] = host
	u.encode("common.Config", "new", config)
	u.run("configtxlator", "compute_update", "--channel_id", channel, "--original", u.file("old"), "--updated", u.file("new"), "--output", u.file("update"))
	u.encode("common.Envelope", "envelope", map[string]any{"payload": map[string]any{
		"header": map[string]any{"channel_header": map[string]any{"channel_id": channel, "type": 2}},
		"data":   map[string]any{"config_update": u.decode("common.ConfigUpdate", "update")},
	}})
	u.run("peer", append([]string{"channel", "update", "-f", u.file("envelope"), "-c", channel}, u.orderer()...)...) // signs it
	eventually(u.t, 30*time.Second, "the orderer serves the new configuration", func() (bool, string) {
		u.run("peer", append([]string{"channel", "fetch", "config", u.file("block"), "-c", channel}, u.orderer()...)...)
		now := u.dig(u.decode("common.Block", "block"), "data", "data", 0, "payload", "data", "config", "channel_group", "groups", "Application", "groups", u.org.MSP,
			"values", "AnchorPeers", "value", "anchor_peers", 0, "host").(string)
		return now == host, now
	})
	return before
}
