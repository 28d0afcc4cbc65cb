package stack

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
	write(t, file("token"), "read\n")
	write(t, file("api/clients-secrets.json"), `{"carrier-admin":"s3cret"}`)
	write(t, file("stack.json"), `{"mqtt":"tcp://127.0.0.1:1","deployment":"d","later":1,
		"ingest":[{"id":"i","url":"http://i","token_file":"`+file("token")+`"}],
		"api":{"carrier":{"url":"http://c","clients_file":"`+file("api/clients.json")+`"}}}`)
	s, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if a := s.Org(Carrier); a.Secret != "s3cret" || a.ClientID != "carrier-admin" || s.Ingest[0].Token != "read" || s.Deployment != "d" {
		t.Errorf("%+v", s)
	}
}

func TestReadNamesWhatIsWrong(t *testing.T) {
	if _, err := Read(t.TempDir()); !errors.Is(err, ErrNone) {
		t.Errorf("got %v", err)
	}
	for text, want := range map[string]string{
		`{`:  "stack.json",
		`{}`: "members mqtt and api are needed",
		`{"mqtt":"x","api":{"carrier":{"clients_file":"nowhere/clients.json"}}}`:               "client secrets",
		`{"mqtt":"x","api":{"carrier":{}},"ingest":[{"id":"i","token_file":"nowhere/token"}]}`: "token of ingest i",
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "stack.json"), text)
		if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestMSP(t *testing.T) {
	if MSP("carrier") != "CarrierMSP" || MSP("") != "" {
		t.Error(MSP("carrier"))
	}
}
