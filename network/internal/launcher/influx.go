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
	"time"

	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/steps"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// startInflux starts influxd and does not wait: it needs a few seconds to open its port, in which the ledger starts.
func (l *Launcher) startInflux(ctx context.Context, _ func(string)) (string, error) {
	spec, err := l.influxSpec()
	if err != nil {
		return "", err
	}
	var started counter
	if err := l.begin(ctx, &started, spec, unlessMarked(l.influxMark(), l.influxData())); err != nil {
		return "", err
	}
	if started.n.Load() > 0 {
		return "starting", nil
	}
	return "running", nil
}

func (l *Launcher) influxSpec() (proc.Spec, error) {
	// influxd reads its certificate once. (Our own programs look at theirs again.)
	in, err := inputs(l.Stack.InfluxConfig(), l.Stack.ServerCert(topology.Influx), l.Stack.ServerKey(topology.Influx))
	return proc.Spec{
		Name: topology.Influx, Path: filepath.Join(l.servers.influx, "influxd"), Args: []string{"-config", l.Stack.InfluxConfig()},
		Dir: l.Stack.InfluxDir(), Log: l.Stack.Log(topology.Influx), Inputs: in,
		// Under load influxd spends a fifth of its time collecting garbage, nearly all of it gone by then; the limit bounds
		// what collecting less often costs.
		Env:   []string{"GOGC=300", "GOMEMLIMIT=768MiB"},
		Ready: l.probe(topology.Influx, "/ping"),
	}, err
}

// openDatabase waits for influxd and makes users and database, once.
func (l *Launcher) openDatabase(ctx context.Context, note func(string)) (string, error) {
	note("waiting for influxd")
	spec, err := l.influxSpec()
	if err != nil {
		return "", err
	}
	if err := l.ready(ctx, spec); err != nil {
		return "", err
	}
	mark := l.influxMark()
	if mark.Is(topology.Database) {
		return "kept", nil
	}
	if err := l.prepareInflux(ctx); err != nil {
		return "", err
	}
	return "made", mark.Set(topology.Database)
}

func (l *Launcher) influxData() string { return filepath.Join(l.Stack.InfluxDir(), "data") }

// influxMark says that the database was opened; it vanishes with it.
func (l *Launcher) influxMark() steps.Mark {
	return steps.Mark(filepath.Join(l.influxData(), ".ready"))
}

// prepareInflux may be repeated: every statement accepts that its effect is there already.
func (l *Launcher) prepareInflux(ctx context.Context) error {
	tokens := map[string]string{}
	for _, user := range []string{influxAdmin, influxIngest, influxAPI} {
		data, err := os.ReadFile(l.Stack.InfluxToken(user))
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
	asAdmin := func(q string) error {
		return influxQL(ctx, client, l.Stack.URL(topology.Influx), influxAdmin, tokens[influxAdmin], q)
	}
	if err := asAdmin("SHOW DATABASES"); err != nil {
		// Only the first administrator may be made without a login.
		q := fmt.Sprintf("CREATE USER %s WITH PASSWORD '%s' WITH ALL PRIVILEGES", influxAdmin, tokens[influxAdmin])
		if err := influxQL(ctx, client, l.Stack.URL(topology.Influx), "", "", q); err != nil {
			return err
		}
	}
	for _, q := range []string{
		"CREATE DATABASE " + topology.Database + " WITH DURATION INF SHARD DURATION 7d NAME autogen",
		fmt.Sprintf("CREATE USER %s WITH PASSWORD '%s'", influxIngest, tokens[influxIngest]),
		fmt.Sprintf("CREATE USER %s WITH PASSWORD '%s'", influxAPI, tokens[influxAPI]),
		fmt.Sprintf("GRANT ALL ON %s TO %s", topology.Database, influxIngest),
		fmt.Sprintf("GRANT READ ON %s TO %s", topology.Database, influxAPI),
	} {
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
