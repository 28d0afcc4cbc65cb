package launcher

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecrets(t *testing.T) {
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	for _, want := range []string{"18 made", "kept"} {
		if got, err := l.makeSecrets(t.Context(), nil); err != nil || got != want {
			t.Errorf("%q %v, want %q", got, err, want)
		}
	}
	seen := map[string]bool{}
	for _, o := range l.Stack.Orgs() {
		secrets, err := l.clientSecrets(o)
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(l.Stack.APIClients(o))
		if err != nil {
			t.Fatal(err)
		}
		var clients []client
		if err := json.Unmarshal(data, &clients); err != nil || len(clients) != 2 {
			t.Fatalf("%s: %v", data, err)
		}
		for _, c := range clients {
			sum := sha256.Sum256([]byte(secrets[c.ID]))
			if c.SecretSHA256 != hex.EncodeToString(sum[:]) || seen[c.SecretSHA256] || len(c.Scopes) == 0 {
				t.Errorf("got %+v, want scopes and the hash of a secret that no other client has", c)
			}
			seen[c.SecretSHA256] = true
			if strings.HasSuffix(c.ID, "-viewer") && strings.Contains(strings.Join(c.Scopes, " "), "write") {
				t.Errorf("%s may write", c.ID)
			}
		}
	}
	err := filepath.WalkDir(l.Stack.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := d.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v %v", path, info.Mode(), err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	// A lost file of hashes follows from the secrets; the secrets stay.
	before, _ := os.ReadFile(l.Stack.APIClients("carrier"))
	if err := os.Remove(l.Stack.APIClients("carrier")); err != nil {
		t.Fatal(err)
	}
	if _, err := l.makeSecrets(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(l.Stack.APIClients("carrier")); !bytes.Equal(before, after) {
		t.Error("clients changed")
	}
}

func TestLostCertificates(t *testing.T) {
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	if err := l.write(l.Stack.ChannelBlock(), []byte("block")); err != nil {
		t.Fatal(err)
	}
	if _, err := l.makeCertificates(t.Context(), func(string) {}); err == nil || !strings.Contains(err.Error(), "reset") {
		t.Error(err)
	}
}

func TestEnvIsShell(t *testing.T) {
	l, out := open(t, filepath.Join(t.TempDir(), "my stack"))
	if err := l.Env(); err == nil || !strings.Contains(err.Error(), "network up") {
		t.Error(err)
	}
	if err := l.claim(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.makeSecrets(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := l.Env(); err != nil {
		t.Fatal(err)
	}
	secrets, err := l.clientSecrets("carrier")
	if err != nil {
		t.Fatal(err)
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh on this machine")
	}
	got, err := exec.Command(sh, "-c", out.String()+`echo "$TRACKSEAL_DIR|$TRACKSEAL_CARRIER_URL|$TRACKSEAL_CARRIER_CLIENT_ID|$TRACKSEAL_CARRIER_CLIENT_SECRET|$TRACKSEAL_MQTT"`).Output()
	want := l.Stack.Dir + "|http://127.0.0.1:8080|carrier-admin|" + secrets["carrier-admin"] + "|tcp://127.0.0.1:1883\n"
	if err != nil || string(got) != want {
		t.Errorf("%s %v\nwant %s", got, err, want)
	}
	if quote("it's") != `'it'\''s'` {
		t.Error(quote("it's"))
	}
}
