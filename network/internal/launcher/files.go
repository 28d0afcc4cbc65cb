package launcher

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// InfluxDB's users. The token of the v2 API is `user:password`.
const (
	influxAdmin  = "admin"
	influxIngest = "ingest"
	influxAPI    = "api"
)

// influxUsers of an organisation's InfluxDB.
func (l *Launcher) influxUsers(o topology.Org) []string {
	if l.Stack.Member(o).Ingest {
		return []string{influxAdmin, influxIngest, influxAPI}
	}
	return []string{influxAdmin, influxAPI}
}

// Scopes of the two clients that every organisation's api knows.
var (
	readScopes  = []string{"trackers:read", "shipments:read", "telemetry:read", "anchors:read", "network:read"}
	adminScopes = []string{"trackers:read", "trackers:write", "shipments:read", "shipments:write", "telemetry:read", "anchors:read", "network:read", "rules:write", "audit:read"}
)

// client is one entry of an api's clients file.
type client struct {
	ID           string   `json:"id"`
	SecretSHA256 string   `json:"secret_sha256"` // lower-case hex
	Scopes       []string `json:"scopes"`
}

// makeSecrets draws what does not exist yet. A secret that exists is never changed: its users know it already.
func (l *Launcher) makeSecrets(context.Context, func(string)) (string, error) {
	made := 0
	once := func(path, prefix string) error {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
		made++
		return l.write(path, []byte(prefix+secret()+"\n"))
	}
	for _, o := range l.Stack.Nodes() {
		for _, user := range l.influxUsers(o) {
			if err := once(l.Stack.InfluxToken(o, user), user+":"); err != nil {
				return "", err
			}
		}
	}
	for _, o := range l.Stack.Ingests() {
		if err := once(l.Stack.MQTTPassword(o), ""); err != nil {
			return "", err
		}
	}
	for _, o := range l.Stack.Nodes() {
		n, err := l.makeClients(o)
		if err != nil {
			return "", err
		}
		made += n
	}
	if made == 0 {
		return "kept", nil
	}
	return fmt.Sprintf("%d made", made), nil
}

// makeClients writes the clear secrets first: the hashes follow from them, also after a crash in between.
func (l *Launcher) makeClients(o topology.Org) (made int, err error) {
	secrets, err := l.clientSecrets(o)
	if errors.Is(err, os.ErrNotExist) {
		secrets = map[string]string{}
	} else if err != nil {
		return 0, err
	}
	clients := []client{{ID: AdminClient(o), Scopes: adminScopes}, {ID: ViewerClient(o), Scopes: readScopes}}
	for i, c := range clients {
		if secrets[c.ID] == "" {
			secrets[c.ID] = secret()
			made++
		}
		sum := sha256.Sum256([]byte(secrets[c.ID]))
		clients[i].SecretSHA256 = hex.EncodeToString(sum[:])
	}
	if made > 0 {
		if err := l.writeJSON(l.Stack.APISecrets(o), secrets); err != nil {
			return made, err
		}
	}
	return made, l.writeJSON(l.Stack.APIClients(o), clients)
}

// AdminClient may do everything in the organisation's name; ViewerClient may only read.
func AdminClient(o topology.Org) string  { return string(o) + "-admin" }
func ViewerClient(o topology.Org) string { return string(o) + "-viewer" }

// clientSecrets are the clear secrets of an api's clients by id.
func (l *Launcher) clientSecrets(o topology.Org) (map[string]string, error) {
	data, err := os.ReadFile(l.Stack.APISecrets(o))
	if err != nil {
		return nil, err
	}
	var m map[string]string
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", l.Stack.APISecrets(o), err)
	}
	return m, nil
}

func secret() string {
	b := make([]byte, 24)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func (l *Launcher) writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return l.write(path, append(data, '\n'))
}

// write replaces a private file.
func (l *Launcher) write(path string, data []byte) error {
	if err := mkdir(filepath.Dir(path)); err != nil {
		return err
	}
	return proc.WriteFile(path, data, 0o600)
}

// replace writes a file in one step, and only when it differs.
func replace(path string, data []byte, mode os.FileMode) (changed bool, err error) {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return false, nil
	}
	if err := mkdir(filepath.Dir(path)); err != nil {
		return false, err
	}
	return true, proc.WriteFile(path, data, mode)
}

func mkdir(dir string) error { return os.MkdirAll(dir, 0o700) }
