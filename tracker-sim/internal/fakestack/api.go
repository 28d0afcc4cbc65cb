package fakestack

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/rest"
	"github.com/trackseal/trackseal/tracker-sim/internal/stack"
)

func (s *Stack) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth2/token", func(w http.ResponseWriter, r *http.Request) {
		id, _, _ := r.BasicAuth()
		answer(w, http.StatusOK, map[string]any{"access_token": strings.TrimSuffix(id, "-admin"), "expires_in": 3600})
	})
	handle := func(pattern string, f func(org string, r *http.Request) (int, any)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			defer s.mu.Unlock()
			status, body := f(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), r)
			answer(w, status, body)
		})
	}
	handle("POST /v1/trackers", s.postTracker)
	handle("GET /v1/trackers/{id}", func(_ string, r *http.Request) (int, any) {
		t := s.trackers[r.PathValue("id")]
		if t == nil {
			return refuse(http.StatusNotFound, "no such tracker")
		}
		return http.StatusOK, rest.Tracker{ID: r.PathValue("id"), KID: t.kid}
	})
	handle("POST /v1/trackers/{id}/revoke", func(_ string, r *http.Request) (int, any) {
		s.trackers[r.PathValue("id")].revoked = true
		return http.StatusOK, struct{}{}
	})
	handle("POST /v1/shipments", s.postShipment)
	handle("GET /v1/shipments/{id}", s.act(func(string, *shipment, *http.Request) (int, string) { return http.StatusOK, "" }))
	handle("POST /v1/shipments/{id}/assignments", s.act(s.assign))
	handle("DELETE /v1/shipments/{id}/assignments/{tracker}", s.act(s.unassign))
	handle("POST /v1/shipments/{id}/handovers", s.act(propose))
	handle("POST /v1/shipments/{id}/handovers/current/accept", s.act(accept))
	handle("POST /v1/shipments/{id}/deliver", s.act(deliver))
	handle("POST /v1/shipments/{id}/close", s.act(s.closeShipment))
	handle("GET /v1/shipments/{id}/messages", func(_ string, r *http.Request) (int, any) {
		sh := s.shipments[r.PathValue("id")]
		if sh == nil {
			return refuse(http.StatusNotFound, "no such shipment")
		}
		messages := append([]rest.Message(nil), sh.messages...)
		if s.Show != nil {
			messages = s.Show(messages)
		}
		return page(r, messages)
	})
	handle("GET /v1/shipments/{id}/telemetry", func(_ string, r *http.Request) (int, any) {
		q := r.URL.Query()
		var out []rest.Sample
		for _, v := range s.shipments[r.PathValue("id")].samples {
			if v.Tracker == q.Get("tracker") && v.Time >= q.Get("from") && v.Time < q.Get("to") {
				if s.Values != nil {
					s.Values(v.Values)
				}
				out = append(out, v)
			}
		}
		return page(r, out)
	})
	return mux
}

func (s *Stack) postTracker(org string, r *http.Request) (int, any) {
	var b struct {
		ID, Alg, Proof string
		PublicKey      string `json:"public_key"`
		Unsigned       bool
	}
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}
	if s.trackers[b.ID] != nil {
		return refuse(http.StatusConflict, "exists")
	}
	if b.Unsigned {
		t := s.enrol(b.ID, telemetry.PublicKey{})
		t.secret = rand.Text()
		return http.StatusCreated, rest.Tracker{ID: b.ID, Secret: t.secret}
	}
	alg, err := telemetry.ParseAlg(b.Alg)
	raw, err2 := hex.DecodeString(b.PublicKey)
	proof, err3 := hex.DecodeString(b.Proof)
	key := telemetry.PublicKey{Alg: alg, Raw: raw}
	if err != nil || err2 != nil || err3 != nil || key.VerifyBytes(ledger.PossessionBytes(b.ID, stack.MSP(org), int(alg), b.PublicKey), proof) != nil {
		return refuse(http.StatusUnprocessableEntity, "proof of possession does not verify")
	}
	t := s.enrol(b.ID, key)
	return http.StatusCreated, rest.Tracker{ID: b.ID, KID: t.kid}
}

func (s *Stack) postShipment(org string, r *http.Request) (int, any) {
	var n rest.NewShipment
	if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}
	if s.shipments[n.ID] != nil {
		return refuse(http.StatusConflict, "exists")
	}
	sh := &shipment{Shipment: rest.Shipment{ID: n.ID, State: ledger.Created, Parties: n.Parties, Custodian: org, RuleSet: n.RuleSet, Verdict: "none"}}
	s.shipments[n.ID] = sh
	return http.StatusCreated, sh.Shipment
}

// act wraps a change of a shipment: an empty refusal answers the shipment.
func (s *Stack) act(f func(org string, sh *shipment, r *http.Request) (int, string)) func(string, *http.Request) (int, any) {
	return func(org string, r *http.Request) (int, any) {
		sh := s.shipments[r.PathValue("id")]
		if sh == nil {
			return refuse(http.StatusNotFound, "no such shipment")
		}
		status, why := f(org, sh, r)
		if why != "" {
			return refuse(status, why)
		}
		return status, sh.Shipment
	}
}

func (s *Stack) assign(_ string, sh *shipment, r *http.Request) (int, string) {
	var b struct{ Tracker, From string }
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
		return http.StatusBadRequest, err.Error()
	}
	t := s.trackers[b.Tracker]
	switch {
	case t == nil:
		return http.StatusNotFound, "no such tracker"
	case t.assigned != "":
		return http.StatusConflict, "tracker is assigned to " + t.assigned
	case sh.State != ledger.Created && sh.State != ledger.InTransit:
		return http.StatusConflict, "shipment is " + sh.State
	}
	t.assigned = sh.ID
	sh.State = ledger.InTransit
	sh.Assignments = append(sh.Assignments, rest.Assignment{Tracker: b.Tracker, From: b.From})
	return http.StatusCreated, ""
}

func (s *Stack) unassign(_ string, sh *shipment, r *http.Request) (int, string) {
	now := "now"
	for i := range sh.Assignments {
		if a := &sh.Assignments[i]; a.Tracker == r.PathValue("tracker") && a.To == nil {
			a.To = &now
			s.trackers[a.Tracker].assigned = ""
			return http.StatusOK, ""
		}
	}
	return http.StatusNotFound, "no such assignment"
}

func propose(org string, sh *shipment, r *http.Request) (int, string) {
	var b struct{ To string }
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
		return http.StatusBadRequest, err.Error()
	}
	if sh.Custodian != org {
		return http.StatusForbidden, "only the custodian proposes"
	}
	if sh.Pending != nil {
		return http.StatusConflict, "a handover waits"
	}
	sh.Pending = &rest.Handover{From: org, To: b.To}
	return http.StatusOK, ""
}

func accept(org string, sh *shipment, _ *http.Request) (int, string) {
	if sh.Pending == nil || sh.Pending.To != org {
		return http.StatusConflict, "no handover to " + org
	}
	sh.Custodian, sh.Pending, sh.State = org, nil, ledger.InTransit
	return http.StatusOK, ""
}

func deliver(org string, sh *shipment, _ *http.Request) (int, string) {
	if org != "consignee" || sh.Custodian != org || sh.State != ledger.InTransit {
		return http.StatusConflict, "not the consignee's"
	}
	sh.State = ledger.Delivered
	return http.StatusOK, ""
}

func (s *Stack) closeShipment(org string, sh *shipment, _ *http.Request) (int, string) {
	if sh.State != ledger.Delivered {
		return http.StatusConflict, "shipment is " + sh.State
	}
	if org != "carrier" && org != sh.Custodian {
		return http.StatusForbidden, "not yours"
	}
	for i := range sh.Assignments {
		if a := &sh.Assignments[i]; a.To == nil {
			now := "now"
			a.To = &now
			s.trackers[a.Tracker].assigned = ""
		}
	}
	sh.State = ledger.Closed
	return http.StatusOK, ""
}

// page answers at most limit items and a cursor that is an offset.
func page[T any](r *http.Request, items []T) (int, any) {
	from, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	from = min(from, len(items))
	to := min(from+limit, len(items))
	out := map[string]any{"items": items[from:to]}
	if to < len(items) {
		out["next"] = strconv.Itoa(to)
	}
	return http.StatusOK, out
}

func refuse(status int, why string) (int, any) {
	return status, map[string]any{"status": status, "detail": why, "code": "refused"}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a test client that went away
}
