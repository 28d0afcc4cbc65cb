package launcher

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/steps"
	"github.com/trackseal/trackseal/network/internal/topology"
	"golang.org/x/sync/errgroup"
)

// startInflux starts every organisation's influxd and does not wait: it needs a few seconds to open its port, in which the ledger starts.
func (l *Launcher) startInflux(ctx context.Context, _ func(string)) (string, error) {
	var started counter
	for _, o := range l.Stack.Nodes() {
		spec, err := l.influxSpec(o)
		if err != nil {
			return "", err
		}
		if err := l.begin(ctx, &started, spec, unlessMarked(l.influxMark(o), l.influxData(o))); err != nil {
			return "", err
		}
	}
	if n := started.n.Load(); n > 0 {
		return fmt.Sprintf("starting %d of %d", n, len(l.Stack.Nodes())), nil
	}
	return "running", nil
}

func (l *Launcher) influxSpec(o topology.Org) (proc.Spec, error) {
	name := topology.InfluxProcess(o)
	// influxd reads its certificate once. (Our own programs look at theirs again.)
	path := filepath.Join(l.servers.influx, "influxd")
	files := append(l.mayChange(path), l.Stack.InfluxConfig(o), l.Stack.ServerCert(name), l.Stack.ServerKey(name))
	// Under load influxd spends a fifth of its time collecting garbage, nearly all of it gone by then; the limit bounds
	// what collecting less often costs. Where no ingest writes is only a copy.
	env := []string{"GOGC=100", "GOMEMLIMIT=256MiB"}
	if l.Stack.Member(o).Ingest {
		env = []string{"GOGC=300", "GOMEMLIMIT=768MiB"}
	}
	return reading(proc.Spec{
		Name: name, Path: path, Args: []string{"-config", l.Stack.InfluxConfig(o)},
		Dir: l.Stack.InfluxDir(o), Log: l.Stack.Log(name), Env: env, Ready: l.probe(name, "/ping"), Live: l.probe(name, "/ping"),
	}, files...)
}

// openDatabase waits for each influxd and makes its users and database, once.
func (l *Launcher) openDatabase(ctx context.Context, note func(string)) (string, error) {
	note("waiting for influxd")
	var made atomic.Int32
	g, ctx := errgroup.WithContext(ctx)
	for _, o := range l.Stack.Nodes() {
		g.Go(func() error {
			spec, err := l.influxSpec(o)
			if err != nil {
				return err
			}
			mark := l.influxMark(o)
			if err := l.await(ctx, spec, mark.Is(prepared)); err != nil {
				return err
			}
			return mark.Once(prepared, func() error {
				made.Add(1)
				if err := l.prepareInflux(ctx, o); err != nil {
					return fmt.Errorf("%s: %w", spec.Name, err)
				}
				return nil
			})
		})
	}
	if err := g.Wait(); err != nil {
		return "", err
	}
	if made.Load() == 0 {
		return "kept", nil
	}
	return fmt.Sprintf("%d made", made.Load()), nil
}

func (l *Launcher) influxData(o topology.Org) string {
	return filepath.Join(l.Stack.InfluxDir(o), "data")
}

// prepared is the mark's key; another one has the statements run again.
const prepared = topology.Database + " 2"

// influxMark says that the database was opened; it vanishes with it.
func (l *Launcher) influxMark(o topology.Org) steps.Mark {
	return steps.Mark(filepath.Join(l.influxData(o), ".ready"))
}

// prepareInflux may be repeated: every statement accepts that its effect is there already. The api keeps its copies of what other members'
// ingests store beside what its own one does.
func (l *Launcher) prepareInflux(ctx context.Context, o topology.Org) error {
	tokens := map[string]string{}
	for _, user := range l.influxUsers(o) {
		data, err := os.ReadFile(l.Stack.InfluxToken(o, user))
		if err != nil {
			return err
		}
		_, password, _ := strings.Cut(strings.TrimSpace(string(data)), ":")
		tokens[user] = password
	}
	client, err := l.client()
	if err != nil {
		return err
	}
	base := l.Stack.URL(topology.InfluxProcess(o))
	asAdmin := func(q string) error {
		return influxQL(ctx, client, base, influxAdmin, tokens[influxAdmin], q)
	}
	if err := asAdmin("SHOW DATABASES"); err != nil {
		// Only the first administrator may be made without a login.
		q := fmt.Sprintf("CREATE USER %s WITH PASSWORD '%s' WITH ALL PRIVILEGES", influxAdmin, tokens[influxAdmin])
		if err := influxQL(ctx, client, base, "", "", q); err != nil {
			return err
		}
	}
	statements := []string{"CREATE DATABASE " + topology.Database + " WITH DURATION INF SHARD DURATION 7d NAME autogen"}
	for _, user := range l.influxUsers(o)[1:] {
		statements = append(statements, fmt.Sprintf("CREATE USER %s WITH PASSWORD '%s'", user, tokens[user]), fmt.Sprintf("GRANT ALL ON %s TO %s", topology.Database, user))
	}
	for _, q := range statements {
		if err := asAdmin(q); err != nil {
			return err
		}
	}
	return nil
}

// influxQL runs one statement; its text, which may hold a password, is not part of the error.
func influxQL(ctx context.Context, client *http.Client, base, user, password, q string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/query", strings.NewReader(url.Values{"q": {q}}.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if user != "" {
		req.SetBasicAuth(user, password)
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	var answer struct {
		Error   string `json:"error"`
		Results []struct {
			Error string `json:"error"`
		} `json:"results"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("influxd answers %s", res.Status)
	}
	for _, r := range answer.Results {
		if r.Error != "" {
			answer.Error = r.Error
		}
	}
	if answer.Error != "" || res.StatusCode/100 != 2 {
		return fmt.Errorf("influxd answers %s: %s", res.Status, answer.Error)
	}
	return nil
}
