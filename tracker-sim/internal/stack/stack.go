// Package stack says where a running stack is and how to get in: from the folder that `network up` makes, or from flags.
package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Organisations of a stack, in the order in which goods pass them.
const (
	Shipper   = "shipper"
	Carrier   = "carrier"
	Consignee = "consignee"
	Auditor   = "auditor"
)

// Access is one organisation's REST API and a client that may use it.
type Access struct {
	Org      string
	URL      string
	ClientID string
	Secret   string
}

// Ingest is one ingest instance's status endpoint.
type Ingest struct {
	ID    string
	URL   string
	Token string
}

// Stack is what the programs of this folder talk to.
type Stack struct {
	Dir        string // "" when it was given by flags
	MQTT       string
	Deployment string // audience of trackers' MQTT passwords
	API        map[string]Access
	Ingest     []Ingest
}

// Org returns an organisation's access. A stack given by flags has one client, which then acts for every organisation and
// is refused where that matters.
func (s *Stack) Org(org string) Access {
	if a, ok := s.API[org]; ok {
		return a
	}
	for _, a := range s.API {
		return a
	}
	return Access{}
}

// MSP is the membership service id of an organisation.
func MSP(org string) string {
	if org == "" {
		return ""
	}
	return strings.ToUpper(org[:1]) + org[1:] + "MSP"
}

// file is stack.json; members that are not needed here are left out.
type file struct {
	Deployment string `json:"deployment"`
	MQTT       string `json:"mqtt"`
	Ingest     []struct {
		ID        string `json:"id"`
		URL       string `json:"url"`
		TokenFile string `json:"token_file"`
	} `json:"ingest"`
	API map[string]struct {
		URL         string `json:"url"`
		ClientsFile string `json:"clients_file"`
		SecretsFile string `json:"secrets_file"`
	} `json:"api"`
}

// ErrNone: there is no stack at that place.
var ErrNone = errors.New("no stack")

// Find looks for .trackseal in the working directory and its parents.
func Find() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		candidate := filepath.Join(dir, ".trackseal")
		if _, err := os.Stat(filepath.Join(candidate, "stack.json")); err == nil {
			return candidate, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("%w: no .trackseal here or above; start one with `go run ./network up`, or give --stack, or --api and --mqtt", ErrNone)
		}
		dir = parent
	}
}

// Read reads stack.json of a stack's folder and the secrets that it names.
func Read(dir string) (*Stack, error) {
	path := filepath.Join(dir, "stack.json")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s does not exist; start one with `go run ./network up`", ErrNone, path)
	}
	if err != nil {
		return nil, err
	}
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if f.MQTT == "" || len(f.API) == 0 {
		return nil, fmt.Errorf("%s: members mqtt and api are needed", path)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s := &Stack{Dir: abs, MQTT: f.MQTT, Deployment: f.Deployment, API: make(map[string]Access)}
	for _, in := range f.Ingest {
		token, err := os.ReadFile(in.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("%s: token of ingest %s: %w", path, in.ID, err)
		}
		s.Ingest = append(s.Ingest, Ingest{ID: in.ID, URL: in.URL, Token: strings.TrimSpace(string(token))})
	}
	for org, a := range f.API {
		secrets := a.SecretsFile
		if secrets == "" {
			secrets = filepath.Join(filepath.Dir(a.ClientsFile), "clients-secrets.json")
		}
		secret, err := readSecret(secrets, org+"-admin")
		if err != nil {
			return nil, err
		}
		s.API[org] = Access{Org: org, URL: a.URL, ClientID: org + "-admin", Secret: secret}
	}
	return s, nil
}

func readSecret(path, client string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("client secrets: %w", err)
	}
	var m map[string]string
	if err := json.Unmarshal(data, &m); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	if m[client] == "" {
		return "", fmt.Errorf("%s: no secret of client %s", path, client)
	}
	return m[client], nil
}
