package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// upload posts a file.
func (a *api) upload(path, file string, out any) {
	a.t.Helper()
	req, err := http.NewRequest(http.MethodPost, a.base+path, strings.NewReader(file))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+a.bearer())
	req.Header.Set("Content-Type", "text/csv")
	resp, err := (&http.Client{Timeout: 3 * time.Minute}).Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 || json.Unmarshal(raw, out) != nil {
		a.t.Fatalf("POST %s: %s %s %v", path, resp.Status, raw, err)
	}
}

// TestStackUploadedRecording: a logger's file as it was exported, in local time over the night in which the clocks went back, becomes the trip's
// record: judged, anchored, verified, and unsigned. The same file says the same to simulate.
func TestStackUploadedRecording(t *testing.T) {
	s := load(t)
	carrier := s.api(t, "carrier")
	id, logger := name("upload"), name("logger")
	carrier.post("/v1/shipments", map[string]any{"id": id, "rule_set": "general-2-8@1",
		"parties": map[string]any{"carrier": []string{"carrier"}, "shipper": []string{"shipper"}, "consignee": []string{"consignee"}, "auditor": []string{"auditor"}}}, nil)

	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2025, 10, 25, 23, 0, 0, 0, time.UTC)
	var file strings.Builder
	file.WriteString("Fridge 4\nZeit;Temperatur (°C);Taupunkt\n")
	for i := range 25 {
		v := "5,0"
		if i >= 7 && i < 13 { // 00:10Z to 01:10Z
			v = "9,5"
		}
		fmt.Fprintf(&file, "%s;%s;1,0\n", begin.Add(time.Duration(i)*10*time.Minute).In(berlin).Format("02.01.2006 15:04:05"), v)
	}
	options := url.Values{"zone": {"Europe/Berlin"}, "ignore": {"Taupunkt"}}.Encode()
	var tried judgedAnswer
	carrier.upload("/v1/rule-sets/simulate?rule_set=general-2-8@1&"+options, file.String(), &tried)

	var taken struct {
		Tracker  string `json:"tracker"`
		Trust    string `json:"trust"`
		Messages int    `json:"messages"`
	}
	path := "/v1/shipments/" + id
	for range 2 { // sent again, it changes nothing
		carrier.upload(path+"/recordings?tracker="+logger+"&"+options, file.String(), &taken)
		if taken.Tracker != logger || taken.Trust != "unsigned" || taken.Messages != 1 {
			t.Errorf("got %+v, want one unsigned message of %s", taken, logger)
		}
	}
	var j judgedAnswer
	eventually(t, 2*time.Minute, "the recording is judged", func() (bool, string) {
		carrier.get(path+"/compliance", &j)
		return len(j.Excursions) > 0, fmt.Sprint(j.Verdict, j.Reasons)
	})
	if len(j.Excursions) != 1 || len(tried.Excursions) != 1 || j.Excursions[0].Rule != "warm" || j.Verdict != tried.Verdict {
		t.Errorf("the record says %s %+v, the file %s %+v; want warm of both", j.Verdict, j.Excursions, tried.Verdict, tried.Excursions)
	}
	eventually(t, 2*time.Minute, "the recording is anchored", func() (bool, string) {
		var v verification
		carrier.get(path+"/verification", &v)
		return v.OK && len(v.Logs) == 1 && v.Logs[0].Anchored != nil && v.Logs[0].Anchored.Size == v.Logs[0].Size && v.Messages == 1, fmt.Sprintf("%+v", v)
	})
	items := all[telemetryItem](carrier, path+"/telemetry?limit=1000")
	for i, item := range items {
		at, err := time.Parse(time.RFC3339Nano, item.Time)
		if err != nil || !at.Equal(begin.Add(time.Duration(i)*10*time.Minute)) {
			t.Errorf("reading %d is of %s, want %s", i, item.Time, begin.Add(time.Duration(i)*10*time.Minute))
		}
	}
	if len(items) != 25 {
		t.Errorf("%d readings, want 25", len(items))
	}
}
