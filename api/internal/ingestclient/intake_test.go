package ingestclient

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/internal/stored/transfer"
)

func TestIntake(t *testing.T) {
	want := transfer.Taken{Accepted: 1, Refused: []transfer.Refused{{Device: "d", Reason: "unknown_device", Detail: "none"}}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m transfer.Intake
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil || r.Method != http.MethodPost || r.URL.Path != "/v1/intake" || string(m.Payload) != "{}" || m.Topic != "up" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		switch m.Tracker {
		case "fast":
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		case "moved":
			w.WriteHeader(http.StatusMisdirectedRequest)
		case "away":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "foreign":
			w.WriteHeader(http.StatusNotFound)
		case "odd":
			_, _ = w.Write([]byte("x"))
		default:
			_ = json.NewEncoder(w).Encode(want)
		}
	}))
	defer srv.Close()
	c, err := New("i", srv.URL, http.DefaultTransport)
	if err != nil {
		t.Fatal(err)
	}
	defer c.http.CloseIdleConnections()
	send := func(tracker string) (transfer.Taken, error) {
		return c.Intake(t.Context(), transfer.Intake{Tracker: tracker, Topic: "up", Payload: []byte("{}")})
	}
	if got, err := send("good"); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("taken: %+v, %v, expected %+v", got, err, want)
	}
	for tracker, want := range map[string]error{"fast": ErrTooFast, "moved": ErrElsewhere, "away": problem.ErrIngest, "foreign": errUnknown} {
		if _, err := send(tracker); !errors.Is(err, want) || errors.Is(err, problem.ErrIngest) != (tracker == "away") {
			t.Errorf("%s: got %v, expected %v", tracker, err, want)
		}
	}
	if _, err := send("fast"); err != nil {
		if e, ok := errors.AsType[*TooFast](err); !ok || e.After != 7*time.Second {
			t.Errorf("after %+v, expected 7 s", err)
		}
	}
	if _, err := send("odd"); err == nil || errors.Is(err, problem.ErrIngest) {
		t.Errorf("an answer that cannot be read: %v", err)
	}
}
