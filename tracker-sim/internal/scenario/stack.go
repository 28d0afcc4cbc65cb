// Package scenario is what the scenarios below it share: where the stack is and how to get in, what its organisations do, and
// how trackers reach the broker.
package scenario

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/internal/client"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/secure"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
)

// Access is one organisation's REST API and a client that may use it.
type Access struct{ MSP, URL, ClientID, Secret string }

// Stack is what the scenarios talk to.
type Stack struct {
	Dir        string // "" when it was given by flags
	CA         string // PEM file of the authorities that the servers' certificates come from; "" = the system's
	MQTT       string
	Deployment string            // audience of trackers' MQTT passwords
	API        map[string]Access // by organisation
	Roles      Roles             // organisation of each role of a shipment that is made

	TLS     func() *tls.Config // of connections to the broker; Trust sets it
	through *http.Transport    // of all requests
}

// Trust checks that nothing secret leaves this machine in plain text, and prepares for servers with certificates. Call it before
// Party and Link.
func (s *Stack) Trust(c secure.Client) (err error) {
	c.CA = cmp.Or(c.CA, s.CA)
	plain := secure.Client{Insecure: c.Insecure}
	problems := []error{plain.Check("mqtt", s.MQTT)}
	for _, a := range s.API {
		problems = append(problems, plain.Check("api", a.URL))
	}
	if i := slices.IndexFunc(problems, func(err error) bool { return err != nil }); i >= 0 {
		return problems[i]
	}
	if s.TLS, err = c.Each(); err != nil {
		return err
	}
	s.through, err = c.Transport()
	return err
}

// Roles name the organisation that acts in each role of a shipment.
type Roles map[string]string

// Members are the roles as REST has them, where each may be held by several.
func (r Roles) Members() map[string][]string {
	all := make(map[string][]string, len(r))
	for role, org := range r {
		all[role] = []string{org}
	}
	return all
}

// SetRoles gives each role of a shipment to an organisation; one that is not named, to the organisation of its name.
func (s *Stack) SetRoles(named map[string]string) error {
	s.Roles = make(Roles)
	for role := range named {
		if !slices.Contains(ledger.Roles, role) {
			return fmt.Errorf("role %q: must be one of %s", role, strings.Join(ledger.Roles, ", "))
		}
	}
	for _, role := range ledger.Roles {
		s.Roles[role] = cmp.Or(named[role], role)
	}
	return nil
}

// Party is an organisation at its API. A stack given by flags has one client, which then acts for every organisation and is
// refused where that matters.
func (s *Stack) Party(org string) Party {
	a, ok := s.API[org]
	if !ok {
		for org, a = range s.API {
			break
		}
	}
	return Party{Org: org, MSP: a.MSP, Client: client.New(client.Config{URL: a.URL, ID: a.ClientID, Secret: a.Secret, Transport: s.through})}
}

// Parties are the organisations of the roles.
func (s *Stack) Parties() Parties {
	return Parties{
		Shipper: s.Party(s.Roles[ledger.Shipper]), Carrier: s.Party(s.Roles[ledger.Carrier]), Consignee: s.Party(s.Roles[ledger.Consignee]), Roles: s.Roles,
	}
}

// MSP is the membership service id that an organisation has when nothing else is said.
func MSP(org string) string {
	if org == "" {
		return ""
	}
	return strings.ToUpper(org[:1]) + org[1:] + "MSP"
}

// ErrNone: there is no stack at that place.
var ErrNone = errors.New("no stack")

// FindStack looks for .trackseal in the working directory and its parents.
func FindStack() (string, error) {
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

// ReadStack reads stack.json of a stack's folder and the secrets that it names.
func ReadStack(dir string) (*Stack, error) {
	path := filepath.Join(dir, "stack.json")
	var f struct {
		Deployment, MQTT string
		CA               string
		API              map[string]struct {
			URL         string
			SecretsFile string `json:"secrets_file"`
		}
		Orgs map[string]struct{ MSP string }
	}
	if err := readJSON(path, &f); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s does not exist; start one with `go run ./network up`", ErrNone, path)
	} else if err != nil {
		return nil, err
	}
	if f.MQTT == "" || len(f.API) == 0 {
		return nil, fmt.Errorf("%s: members mqtt and api are needed", path)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s := &Stack{Dir: dir, CA: f.CA, MQTT: f.MQTT, Deployment: f.Deployment, API: make(map[string]Access)}
	for org, a := range f.API {
		id, secrets := org+"-admin", map[string]string{}
		data, err := secure.Private(a.SecretsFile)
		if err == nil {
			err = json.Unmarshal(data, &secrets)
		}
		if err != nil {
			return nil, fmt.Errorf("client secrets: %w", err)
		}
		if secrets[id] == "" {
			return nil, fmt.Errorf("%s: no secret of client %s", a.SecretsFile, id)
		}
		s.API[org] = Access{MSP: f.Orgs[org].MSP, URL: a.URL, ClientID: id, Secret: secrets[id]}
	}
	return s, nil
}

func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Link says how trackers reach a broker.
type Link struct {
	URL string
	TLS func() *tls.Config // nil = the system's authorities
	// Silent leaves out the retained status: a load tool's trackers would only add noise with it.
	Silent bool
	// Wait makes Publish wait for every PUBACK, for a broker behind which nobody acknowledges.
	Wait bool
	Log  *slog.Logger
}

// Dial is a device.Dialer.
func (l Link) Dial(ctx context.Context, tracker string, password func() string) (device.Conn, error) {
	d, err := mqtt.Dial(ctx, mqtt.DeviceConfig{URL: l.URL, TLS: l.TLS, Tracker: tracker, Password: password, Silent: l.Silent, Log: l.Log})
	if err != nil {
		return nil, err
	}
	if l.Wait {
		return d, nil
	}
	return pipelined{d}, nil
}

// pipelined keeps many messages under way; the application ack tells which ones arrived.
type pipelined struct{ *mqtt.Device }

func (p pipelined) Publish(ctx context.Context, topic string, payload []byte) error {
	return p.Send(ctx, topic, payload)
}
