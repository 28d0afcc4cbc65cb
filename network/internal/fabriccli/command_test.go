package fabriccli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestArgs(t *testing.T) {
	admin := Admin{ConfigDir: "/cfg", MSP: "CarrierMSP", MSPDir: "/msp", Address: "127.0.0.1:1", TLSRoot: "/root.pem"}
	orderer := Orderer{Address: "127.0.0.1:2", CAFile: "/ca.pem"}
	def := Definition{Channel: "ch", Name: "cc", Version: "1-ab", Sequence: 3, Policy: "/Channel/Application/Endorsement"}
	osn := OrdererAdmin{Address: "127.0.0.1:3", CAFile: "/oca.pem", ClientCert: "/c.crt", ClientKey: "/c.key"}
	for _, tt := range []struct {
		call Call
		want string
	}{
		{GenesisBlock("/dir", "P", "ch", "/b"), "configtxgen -configPath /dir -profile P -channelID ch -outputBlock /b"},
		{osn.Join("ch", "/b"), "osnadmin channel join --channelID ch --config-block /b -o 127.0.0.1:3 --ca-file /oca.pem --client-cert /c.crt --client-key /c.key"},
		{admin.Join("/b"), "peer channel join -b /b"},
		{admin.Fetch("ch", "config", "/b"), "peer channel fetch config /b -c ch"},
		{admin.Fetch("ch", "0", "/b", orderer), "peer channel fetch 0 /b -c ch -o 127.0.0.1:2 --tls --cafile /ca.pem"},
		{admin.SignUpdate("/u"), "peer channel signconfigtx -f /u"},
		{admin.Update(orderer, "ch", "/u"), "peer channel update -f /u -c ch -o 127.0.0.1:2 --tls --cafile /ca.pem"},
		{Decode("common.Block", "/b", "/b.json"), "configtxlator proto_decode --type common.Block --input /b --output /b.json"},
		{Encode("common.Config", "/c.json", "/c"), "configtxlator proto_encode --type common.Config --input /c.json --output /c"},
		{ComputeUpdate("ch", "/a", "/b", "/u"), "configtxlator compute_update --channel_id ch --original /a --updated /b --output /u"},
		{admin.Channels(), "peer channel list"},
		{admin.Install("/p.tgz"), "peer lifecycle chaincode install /p.tgz"},
		{admin.Approve(orderer, def, "cc:1"), "peer lifecycle chaincode approveformyorg -o 127.0.0.1:2 --tls --cafile /ca.pem --channelID ch --name cc --version 1-ab --sequence 3 --channel-config-policy /Channel/Application/Endorsement --package-id cc:1 --waitForEvent --waitForEventTimeout 60s"},
		{admin.Commit(orderer, def, []Endorser{{"127.0.0.1:4", "/r4"}, {"127.0.0.1:5", "/r5"}}), "peer lifecycle chaincode commit -o 127.0.0.1:2 --tls --cafile /ca.pem --channelID ch --name cc --version 1-ab --sequence 3 --channel-config-policy /Channel/Application/Endorsement --peerAddresses 127.0.0.1:4 --tlsRootCertFiles /r4 --peerAddresses 127.0.0.1:5 --tlsRootCertFiles /r5 --waitForEvent --waitForEventTimeout 60s"},
		{admin.Readiness(def), "peer lifecycle chaincode checkcommitreadiness --output json --channelID ch --name cc --version 1-ab --sequence 3 --channel-config-policy /Channel/Application/Endorsement"},
		{admin.Height("ch"), "peer channel getinfo -c ch"},
		{admin.Committed("ch", "cc"), "peer lifecycle chaincode querycommitted -C ch -n cc --output json"},
		{admin.Invoke(orderer, "ch", "cc", `{"Args":["f"]}`, []Endorser{{"127.0.0.1:4", "/r4"}}), `peer chaincode invoke -o 127.0.0.1:2 --tls --cafile /ca.pem -C ch -n cc -c {"Args":["f"]} --peerAddresses 127.0.0.1:4 --tlsRootCertFiles /r4 --waitForEvent --waitForEventTimeout 60s`},
		{admin.Query("ch", "cc", `{"Args":["f"]}`), `peer chaincode query -C ch -n cc -c {"Args":["f"]}`},
	} {
		if got := tt.call.Program + " " + strings.Join(tt.call.Args, " "); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestStatus(t *testing.T) {
	for _, tt := range []struct {
		out  string
		code int
		rest string
		ok   bool
	}{
		{"Status: 201\n{\n\t\"name\": \"ch\"\n}\n", 201, `{ "name": "ch" }`, true},
		{"Status: 405\n{\n\t\"error\": \"already exists\"\n}\n", 405, `{ "error": "already exists" }`, true},
		{"nonsense", 0, "", false},
		{"", 0, "", false},
	} {
		code, rest, err := Status([]byte(tt.out))
		if code != tt.code || rest != tt.rest || (err == nil) != tt.ok {
			t.Errorf("%q: %d %q %v", tt.out, code, rest, err)
		}
	}
}

// script makes a folder whose one program is a shell script, and calls it.
func script(ctx context.Context, t *testing.T, body string, args ...string) ([]byte, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "program"), []byte("#!/bin/sh\n"+body), 0o700); err != nil {
		t.Fatal(err)
	}
	return Run(ctx, dir, Call{Program: "program", Args: args})
}

// Ensure an error is one line that gives the reason, not the log lines and the usage text around it.
func TestErrorNamesTheReason(t *testing.T) {
	for _, tt := range []struct{ said, want string }{
		{"2026-01-01 10:00:00.000 UTC 0001 INFO [x] f -> hello\nError: chaincode not installed\nUsage:\n  peer x [flags]\n", "program do it: chaincode not installed"},
		{"\x1b[31m2026-01-01 10:00:00.000 UTC 0001 ERRO\x1b[0m [main] bad identity\n", "program do it: 0001 ERRO [main] bad identity"},
		{"", "program do it: exit status 3"},
	} {
		_, err := script(t.Context(), t, "cat >&2 <<'END'\n"+tt.said+"END\nexit 3\n", "do", "it", "--now")
		if err == nil || err.Error() != tt.want {
			t.Errorf("got %v, want %s", err, tt.want)
		}
		if tt.said != "" && !Said(err, strings.TrimSpace(strings.Split(tt.said, "\n")[0])) {
			t.Error("Said does not find the output")
		}
	}
}

func TestRunReturnsStandardOutputOnly(t *testing.T) {
	out, err := script(t.Context(), t, "echo noise >&2; echo result")
	if err != nil || string(out) != "result\n" {
		t.Errorf("%q %v", out, err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := script(ctx, t, "exec sleep 60")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
