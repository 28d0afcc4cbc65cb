package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// TestStackHealthOverHTTP: what a platform posts, by each proof, is durable when it is answered, once however often it comes; and the tracker's
// health tells of it.
func TestStackHealthOverHTTP(t *testing.T) {
	s := load(t)
	a := s.api(t, "carrier")
	id := name("health")
	secret := enrolUnsigned(a, id, nil)
	t.Cleanup(func() { a.post("/v1/trackers/"+id+"/revoke", map[string]any{"cause": "end of the test"}, nil) })
	send := func(n int, path, header, value string) (int, taken, string) {
		return s.post(t, path, header, value, map[string]any{"temperature": 4.5, "battery": 81, "n": n})
	}
	eventually(t, 60*time.Second, "ingest has heard of the tracker", func() (bool, string) {
		code, got, text := send(1, "plain-json", "Authorization", "Bearer "+secret)
		return code == http.StatusAccepted && got.Accepted+got.Duplicates == 1, fmt.Sprint(code, " ", text)
	})
	if code, got, text := send(1, "plain-json", "X-Trackseal-Secret", secret); code != http.StatusAccepted || got.Duplicates != 1 || got.Accepted != 0 {
		t.Errorf("the same message again: %d %s, want 1 duplicate", code, text)
	}
	var made struct {
		Header, Secret string
	}
	a.post("/v1/trackers/"+id+"/intake-secret", map[string]any{"header": "X-Signature"}, &made)
	raw, err := json.Marshal(map[string]any{"temperature": 4.5, "battery": 81, "n": 2})
	if err != nil {
		t.Fatal(err)
	}
	h := hmac.New(sha256.New, []byte(made.Secret))
	h.Write(raw)
	if code, got, text := send(2, "plain-json?tracker="+id, made.Header, "sha256="+hex.EncodeToString(h.Sum(nil))); code != http.StatusAccepted || got.Accepted != 1 {
		t.Errorf("by an HMAC: %d %s, want 1 accepted", code, text)
	}
	if code, _, text := send(3, "plain-json", "Authorization", "Bearer "+secret+"x"); code != http.StatusUnauthorized {
		t.Errorf("a wrong secret: %d %s, want 401", code, text)
	}
	if code, _, text := s.post(t, "plain-json", "Authorization", "Bearer "+secret, []any{}); code != http.StatusUnprocessableEntity {
		t.Errorf("what is no message: %d %s, want 422 with the reason", code, text)
	}
	eventually(t, 30*time.Second, "health tells of it", func() (bool, string) {
		var got struct {
			LastSeen *time.Time `json:"last_seen"`
			Battery  *struct{ Percent float64 }
			Refused  *struct{ Count uint64 }
		}
		a.get("/v1/trackers/"+id+"/health", &got)
		return got.LastSeen != nil && time.Since(*got.LastSeen) < 5*time.Minute && got.Battery != nil && got.Battery.Percent == 81 && got.Refused != nil && got.Refused.Count >= 1, fmt.Sprintf("%+v", got)
	})
	if alarms := all[struct{ Kind string }](a, "/v1/alarms?tracker="+id); len(alarms) != 0 {
		t.Errorf("alarms of a tracker that is well: %+v, want none", alarms)
	}
}
