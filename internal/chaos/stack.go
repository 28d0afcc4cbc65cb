package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/trackseal/trackseal/internal/client"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/secure"
	"github.com/trackseal/trackseal/internal/service"
)

// Stack is a running stack, as its operator sees it: by its programs, its processes and its interfaces.
type Stack struct {
	Dir      string
	network  string // program
	http     *http.Client
	through  *http.Transport
	file     stackFile
	operator string
	owner    *client.Client // the operator's API
	copier   string         // a member whose node copies what ingest stores
	copies   *client.Client // its API
	policy   *evidence.Policy
}

type stackFile struct {
	CA     string `json:"ca"` // "" = plain text
	MQTT   string `json:"mqtt"`
	Influx map[string]struct {
		URL       string `json:"url"`
		Bucket    string `json:"bucket"`
		TokenFile string `json:"token_file"`
	} `json:"influx"`
	Ingest []struct {
		Org string `json:"org"`
		URL string `json:"url"`
	} `json:"ingest"`
	API map[string]struct {
		URL         string `json:"url"`
		SecretsFile string `json:"secrets_file"`
	} `json:"api"`
	Processes []struct {
		Name string `json:"name"`
		Port int    `json:"port"`
	} `json:"processes"`
}

// operator stands in the table for the member that runs ingest: its processes end like that.
const operator = "operator"

// real puts the operator's name in.
func (s *Stack) real(process string) string {
	return strings.Replace(process, "-"+operator, "-"+s.operator, 1)
}

// Open reads the files of the stack in a folder; network is the program that started it.
func Open(ctx context.Context, dir, network string) (*Stack, error) {
	s := &Stack{Dir: dir, network: network}
	raw, err := os.ReadFile(filepath.Join(dir, "stack.json"))
	if err != nil {
		return nil, fmt.Errorf("%w; start a stack with `go run ./network up --dir %s`", err, dir)
	}
	if err := json.Unmarshal(raw, &s.file); err != nil {
		return nil, fmt.Errorf("stack.json: %w", err)
	}
	if s.through, err = (secure.Client{CA: s.file.CA}).Transport(); err != nil {
		return nil, err
	}
	s.http = &http.Client{Timeout: 10 * time.Second, Transport: s.through}
	if len(s.file.Ingest) == 0 {
		return nil, fmt.Errorf("the stack in %s has no ingest", dir)
	}
	s.operator = s.file.Ingest[0].Org
	members := slices.DeleteFunc(slices.Sorted(maps.Keys(s.file.API)), func(org string) bool { return org == s.operator })
	s.copier = members[len(members)-1] // not the auditor, who is party of no shipment
	if s.owner, err = s.admin(s.operator); err != nil {
		return nil, err
	}
	if s.copies, err = s.admin(s.copier); err != nil {
		return nil, err
	}
	out, err := exec.CommandContext(ctx, network, "--dir", dir, "env", "--policy").Output()
	if err != nil {
		return nil, fmt.Errorf("the auditor's policy: %w", err)
	}
	s.policy, err = evidence.ParsePolicy(out)
	return s, err
}

// admin is a client of one member's API.
func (s *Stack) admin(org string) (*client.Client, error) {
	var secrets map[string]string
	raw, err := os.ReadFile(s.file.API[org].SecretsFile)
	if err == nil {
		err = json.Unmarshal(raw, &secrets)
	}
	if err != nil {
		return nil, fmt.Errorf("secrets of the API of %s: %w", org, err)
	}
	id := org + "-admin"
	return client.New(client.Config{URL: s.file.API[org].URL, ID: id, Secret: secrets[id], Transport: s.through}), nil
}

// Process is one line of `network status --json`.
type Process struct {
	Name   string `json:"name"`
	PID    int    `json:"pid"`
	State  string `json:"state"`
	Detail string `json:"detail"`
}

// Processes asks the launcher.
func (s *Stack) Processes(ctx context.Context) (map[string]Process, error) {
	out, err := exec.CommandContext(ctx, s.network, "status", "--json", "--dir", s.Dir).Output()
	if len(out) == 0 { // it may end with an error because something is not ready
		return nil, fmt.Errorf("network status: %w", err)
	}
	var status struct {
		Processes []Process `json:"processes"`
	}
	if err := json.Unmarshal(out, &status); err != nil {
		return nil, fmt.Errorf("network status: %w", err)
	}
	byName := map[string]Process{}
	for _, p := range status.Processes {
		byName[p.Name] = p
	}
	return byName, nil
}

// pid reads the launcher's own note, which is faster than asking every process how it is.
func (s *Stack) pid(name string) (int, error) {
	raw, err := os.ReadFile(filepath.Join(s.Dir, "run", name+".pid"))
	var file struct {
		PID int `json:"pid"`
	}
	if err == nil {
		err = json.Unmarshal(raw, &file)
	}
	if err == nil && file.PID <= 1 {
		err = fmt.Errorf("pid %d", file.PID)
	}
	if err != nil {
		return 0, fmt.Errorf("process %s: %w", name, err)
	}
	return file.PID, nil
}

// signal sends one to a process of the stack, and answers which it was. One that ends on its own meanwhile is waited for.
func (s *Stack) signal(ctx context.Context, name string, sig syscall.Signal) (pid int, err error) {
	err = until(ctx, 30*time.Second, name+" runs", func() error {
		if pid, err = s.pid(name); err != nil {
			return err
		}
		return syscall.Kill(pid, sig)
	})
	return pid, err
}

// named are the stack's processes with one of the prefixes.
func (s *Stack) named(prefixes ...string) []string {
	var names []string
	for _, p := range s.file.Processes {
		if slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(p.Name, s.real(prefix)) }) {
			names = append(names, p.Name)
		}
	}
	return names
}

func (s *Stack) address(process string) string {
	for _, p := range s.file.Processes {
		if p.Name == process {
			return fmt.Sprintf("127.0.0.1:%d", p.Port)
		}
	}
	return ""
}

// Whole waits until every process is ready and all nodes of the channel are level.
func (s *Stack) Whole(ctx context.Context, bound time.Duration) error {
	return until(ctx, bound, "the stack is whole", func() error {
		processes, err := s.Processes(ctx)
		if err != nil {
			return err
		}
		for _, p := range processes {
			if p.State != "ready" && p.State != "stopped" {
				return fmt.Errorf("%s is %s: %s", p.Name, p.State, p.Detail)
			}
		}
		n, err := s.owner.GetNetwork(ctx)
		if err != nil {
			return err
		}
		for _, node := range n.Nodes {
			if !node.Up || node.Height != n.Nodes[0].Height {
				return fmt.Errorf("%s of %s at height %d, the first at %d: %s", node.Role, node.Org, node.Height, n.Nodes[0].Height, node.Error)
			}
		}
		return nil
	})
}

// ask runs an InfluxQL statement on the operator's database and returns its rows, tags among the columns.
func (s *Stack) ask(ctx context.Context, statement string) ([]map[string]any, error) {
	in := s.file.Influx[s.operator]
	token, err := os.ReadFile(in.TokenFile)
	if err != nil {
		return nil, err
	}
	user, password, _ := strings.Cut(strings.TrimSpace(string(token)), ":")
	db, _, _ := strings.Cut(in.Bucket, "/")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, in.URL+"/query?"+url.Values{"db": {db}, "q": {statement}, "epoch": {"ns"}}.Encode(), nil)
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(user, password)
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Error   string `json:"error"`
		Results []struct {
			Error  string `json:"error"`
			Series []struct {
				Columns []string          `json:"columns"`
				Tags    map[string]string `json:"tags"`
				Values  [][]any           `json:"values"`
			} `json:"series"`
		} `json:"results"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, fmt.Errorf("InfluxDB answers %s: %w", resp.Status, err)
	}
	if answer.Error != "" || len(answer.Results) != 1 || answer.Results[0].Error != "" {
		return nil, fmt.Errorf("%s: %.300s", statement, raw)
	}
	var rows []map[string]any
	for _, series := range answer.Results[0].Series {
		for _, v := range series.Values {
			row := map[string]any{}
			for k, tag := range series.Tags {
				row[k] = tag
			}
			for i, c := range series.Columns {
				row[c] = v[i]
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// until tries again and again; its error is that of the last try.
func until(ctx context.Context, bound time.Duration, what string, try func() error) error {
	deadline := time.Now().Add(bound)
	for {
		err := try()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: not within %s: %w", what, bound, err)
		}
		if !service.Pause(ctx, 200*time.Millisecond) {
			return errors.Join(ctx.Err(), err)
		}
	}
}
