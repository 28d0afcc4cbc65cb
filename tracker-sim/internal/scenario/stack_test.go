package scenario

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/secure"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	write(t, file("api/clients-secrets.json"), `{"carrier-admin":"s3cret"}`)
	write(t, file("stack.json"), `{"mqtt":"tcp://127.0.0.1:1","deployment":"d","later":1,
		"orgs":{"carrier":{"msp":"TheirMSP"}},"api":{"carrier":{"url":"http://c","secrets_file":"`+file("api/clients-secrets.json")+`"}}}`)
	s, err := ReadStack(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.API["carrier"], (Access{MSP: "TheirMSP", URL: "http://c", ClientID: "carrier-admin", Secret: "s3cret"}); got != want {
		t.Errorf("access %+v, want %+v", got, want)
	}
	if s.Deployment != "d" || s.MQTT != "tcp://127.0.0.1:1" {
		t.Errorf("deployment %q at %q", s.Deployment, s.MQTT)
	}
}

func TestReadNamesWhatIsWrong(t *testing.T) {
	if _, err := ReadStack(t.TempDir()); !errors.Is(err, ErrNone) {
		t.Errorf("got %v", err)
	}
	for text, want := range map[string]string{
		`{`:  "stack.json",
		`{}`: "members mqtt and api are needed",
		`{"mqtt":"x","api":{"carrier":{"secrets_file":"nowhere/clients-secrets.json"}}}`: "client secrets",
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "stack.json"), text)
		if _, err := ReadStack(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestPlainTextToOtherMachinesIsRefused(t *testing.T) {
	local := Stack{MQTT: "tcp://127.0.0.1:1", API: map[string]Access{"carrier": {URL: "http://127.0.0.1:2"}}}
	for name, tc := range map[string]struct {
		change func(*Stack)
		want   string
	}{
		"this machine": {func(*Stack) {}, ""},
		"broker":       {func(s *Stack) { s.MQTT = "tcp://broker.example:1883" }, "write ssl://broker.example:1883"},
		"api":          {func(s *Stack) { s.API = map[string]Access{"carrier": {URL: "http://api.example"}} }, "write https://api.example"},
		"authority":    {func(s *Stack) { s.CA = "nowhere.pem" }, "nowhere.pem"},
	} {
		s := local
		tc.change(&s)
		if err := s.Trust(secure.Client{}); tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
		if name == "broker" {
			if err := s.Trust(secure.Client{Insecure: true}); err != nil {
				t.Errorf("plain text that is meant: %v", err)
			}
		}
	}
}

func TestRoles(t *testing.T) {
	s := &Stack{API: map[string]Access{"acme": {MSP: "AcmeMSP"}, "shipper": {MSP: "ShipperMSP"}}}
	if err := s.SetRoles(map[string]string{"carrier": "acme"}); err != nil {
		t.Fatal(err)
	}
	p := s.Parties()
	if p.Carrier.Org != "acme" || p.Carrier.MSP != "AcmeMSP" || p.Shipper.Org != "shipper" || p.Roles["auditor"] != "auditor" {
		t.Errorf("carrier %s (%s), shipper %s, auditor %s; want acme (AcmeMSP) and the others by their names", p.Carrier.Org, p.Carrier.MSP, p.Shipper.Org, p.Roles["auditor"])
	}
	if err := s.SetRoles(map[string]string{"captain": "acme"}); err == nil || !strings.Contains(err.Error(), "captain") {
		t.Errorf("a role that is none: %v", err)
	}
	alone := &Stack{API: map[string]Access{"acme": {}}}
	if p := alone.Party("shipper"); p.Org != "acme" {
		t.Errorf("the only client acts for %q", p.Org)
	}
}
