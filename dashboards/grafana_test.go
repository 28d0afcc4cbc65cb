package dashboards

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/trackseal/trackseal/internal/testkit"
)

const logID = "5f1d0c6b3b6f4d0f8f5e6f3d2a1b0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b"

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type board struct {
	Panels []struct {
		ID         int        `json:"id"`
		Title      string     `json:"title"`
		Datasource datasource `json:"datasource"`
		Targets    []struct {
			Query string `json:"query"`
		} `json:"targets"`
	} `json:"panels"`
	Templating struct {
		List []struct {
			Name  string `json:"name"`
			Query string `json:"query"`
		} `json:"list"`
	} `json:"templating"`
}

func readBoard(t *testing.T, name string) board {
	t.Helper()
	data, err := os.ReadFile("grafana/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var b board
	if err := json.Unmarshal(data, &b); err != nil {
		t.Fatal(err)
	}
	return b
}

var variable = regexp.MustCompile(`\$\{(\w+)(?::\w+)?\}`)

// Ensure that every panel names the provisioned data source of its dashboard, and uses variables that exist. (The queries of operation.json
// are run in network/monitoring.)
func TestGrafanaDashboardFitsItsProvisioning(t *testing.T) {
	for _, name := range []string{"trackseal", "operation"} {
		t.Run(name, func(t *testing.T) { fitsProvisioning(t, name) })
	}
}

func fitsProvisioning(t *testing.T, name string) {
	t.Helper()
	data, err := os.ReadFile("grafana/provisioning/datasources/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	var provisioned struct {
		Datasources []struct {
			UID    string            `yaml:"uid"`
			Type   string            `yaml:"type"`
			URL    string            `yaml:"url"`
			Secure map[string]string `yaml:"secureJsonData"`
		} `yaml:"datasources"`
	}
	if err := yaml.Unmarshal(data, &provisioned); err != nil || len(provisioned.Datasources) != 1 {
		t.Fatalf("%d data sources, err %v", len(provisioned.Datasources), err)
	}
	source := provisioned.Datasources[0]
	for name, value := range source.Secure {
		if !strings.HasPrefix(value, "$") {
			t.Errorf("%s is a literal: secrets come from the environment", name)
		}
	}

	b := readBoard(t, name)
	defined := map[string]bool{}
	for _, v := range b.Templating.List {
		defined[v.Name] = true
	}
	ids := map[int]bool{}
	for _, p := range b.Panels {
		if ids[p.ID] {
			t.Errorf("panel id %d twice", p.ID)
		}
		ids[p.ID] = true
		if p.Datasource.UID != source.UID || p.Datasource.Type != source.Type {
			t.Errorf("panel %q asks data source %+v, provisioned is %s", p.Title, p.Datasource, source.UID)
		}
		for _, target := range p.Targets {
			for _, use := range variable.FindAllStringSubmatch(target.Query, -1) {
				if !defined[use[1]] {
					t.Errorf("panel %q uses the unknown variable %s", p.Title, use[1])
				}
			}
		}
	}
}

// Ensure that a real InfluxDB runs every query and answers the columns that the panel shows. It writes
// points of every measurement and wants rows.
func TestGrafanaQueriesRun(t *testing.T) {
	db := openStore(t)
	b := readBoard(t, "trackseal")
	queries := map[string]string{}
	for _, v := range b.Templating.List {
		queries["variable "+v.Name] = v.Query
	}
	for _, p := range b.Panels {
		for _, target := range p.Targets {
			queries[p.Title] = target.Query
		}
	}
	for name, query := range queries {
		t.Run(name, func(t *testing.T) {
			columns, rows, err := db.flux(substitute(query, db.bucket))
			if err != nil {
				t.Fatalf("%v\n%s", err, query)
			}
			if rows == 0 {
				t.Fatalf("no rows\n%s", query)
			}
			for _, want := range shownColumns(query) {
				if !slices.Contains(columns, want) {
					t.Errorf("no column %s among %v", want, columns)
				}
			}
		})
	}
}

// substitute does what Grafana does before it sends a query, with every variable at "All".
func substitute(query, bucket string) string {
	query = strings.NewReplacer(
		"v.timeRangeStart", time.Now().Add(-7*24*time.Hour).UTC().Format(time.RFC3339),
		"v.timeRangeStop", time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
		"v.windowPeriod", "10m",
		"v.defaultBucket", fmt.Sprintf("%q", bucket),
	).Replace(query)
	return variable.ReplaceAllString(query, ".*")
}

var kept = regexp.MustCompile(`keep\(columns: \[([^\]]*)\]`)

func shownColumns(query string) []string {
	all := kept.FindAllStringSubmatch(query, -1)
	if len(all) == 0 {
		return []string{"_value"}
	}
	var columns []string
	for _, c := range strings.Split(all[len(all)-1][1], ",") {
		columns = append(columns, strings.Trim(strings.TrimSpace(c), `"`))
	}
	return columns
}

type store struct{ base, org, bucket, token string }

func openStore(t *testing.T) store {
	t.Helper()
	d := testkit.StartInfluxd(t)
	db := store{base: d.URL, org: d.Org, bucket: d.Bucket, token: readToken(t, d.TokenFile)}
	if err := db.write(samplePoints(time.Now().Add(-time.Hour))); err != nil {
		t.Fatal(err)
	}
	return db
}

func readToken(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

// samplePoints are a few of every measurement of docs/formats.md.
func samplePoints(start time.Time) string {
	var b strings.Builder
	for i := range 60 {
		at := start.Add(time.Duration(i) * time.Minute)
		ms := at.UnixMilli()
		ns := ms*1e6 + int64(i)
		tracker, flags := fmt.Sprintf("trk-%d", i%2), ""
		if i%20 == 0 {
			flags = `,flags="late,seq_gap"`
		}
		fmt.Fprintf(&b, "reading,log=%s,tracker=%s,era=0 leaf=%di,temperature=%d.5,humidity=50,shock=1.5,light=0,battery=90 %d\n", logID, tracker, i, i%9, ns)
		fmt.Fprintf(&b, "message,era=0,log=%s,shipment=S-1,tracker=%s,trust=signed boot=1i,seq=%di,entry=\"AA==\"%s,leaf=%di,raw=\"AA==\",time_ms=%di %d\n",
			logID, tracker, i, flags, i, ms-1500, ns)
		fmt.Fprintf(&b, "head,heads=aa,log=%s index=%di,size=%di,root=\"bb\",prev=-1i,closed=false,entry=\"AA==\",heads_size=%di,heads_root=\"cc\",tx=\"dd\",block=%di,proof=\"\" %d\n", logID, i, i+1, i+1, i+7, ns)
	}
	ns := start.UnixNano()
	fmt.Fprintf(&b, "rejected,reason=bad_signature topic=\"trackseal/v1/00/x/up\",raw=\"AA==\",detail=\"signature does not verify\",received_ms=%di %d\n", start.UnixMilli(), ns)
	return b.String()
}

func (db store) write(lines string) error {
	_, err := db.post("/api/v2/write?precision=ns&bucket="+url.QueryEscape(db.bucket)+"&org="+url.QueryEscape(db.org), "text/plain", lines)
	return err
}

// flux gives the columns of the last table and the number of rows of all.
func (db store) flux(query string) (columns []string, rows int, err error) {
	body, err := json.Marshal(map[string]any{"query": query, "dialect": map[string]any{"header": true, "annotations": []string{}}})
	if err != nil {
		return nil, 0, err
	}
	answer, err := db.post("/api/v2/query?org="+url.QueryEscape(db.org), "application/json", string(body))
	if err != nil {
		return nil, 0, err
	}
	r := csv.NewReader(bytes.NewReader(answer))
	r.FieldsPerRecord = -1
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return columns, rows, nil
		}
		if err != nil {
			return nil, 0, err
		}
		switch {
		case slices.Contains(record, "error") && slices.Contains(record, "reference"):
			detail, _ := r.Read()
			return nil, 0, fmt.Errorf("flux: %v", detail) // an error after the answer has begun
		case slices.Contains(record, "result") && slices.Contains(record, "table"):
			columns = record
		default:
			rows++
		}
	}
}

func (db store) post(path, kind, body string) ([]byte, error) {
	request, err := http.NewRequest(http.MethodPost, db.base+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Token "+db.token)
	request.Header.Set("Content-Type", kind)
	request.Header.Set("Accept", "application/csv")
	client := http.Client{Timeout: 30 * time.Second}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, 16<<20))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s: %s", answer.Status, data)
	}
	return data, nil
}
