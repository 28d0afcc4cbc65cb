package ledger

import (
	"context"
	"errors"
	"slices"
	"testing"
)

// script answers submits in turn and notes what was submitted.
type script struct {
	answers []error
	asked   []string
}

func (s *script) Submit(_ context.Context, fn string, _ any) (Result, error) {
	s.asked = append(s.asked, fn)
	err := s.answers[0]
	s.answers = s.answers[1:]
	return Result{Payload: []byte(`{"id":"S-1"}`)}, err
}

// Whoever lacks a young beat renews it, once, and tries again, once.
func TestAStaleBeatIsRenewedOnce(t *testing.T) {
	stale, young, away := Refuse(NoBeat, "since long"), Refuse(Conflict, "young"), errors.New("away")
	deliver, renew := ShipmentDeliver.Name(), BeatRenew.Name()
	for _, tc := range []struct {
		name    string
		answers []error
		asked   []string
		err     error
	}{
		{"young", []error{nil}, []string{deliver}, nil},
		{"refused otherwise", []error{young}, []string{deliver}, young},
		{"stale", []error{stale, nil, nil}, []string{deliver, renew, deliver}, nil},
		{"another was first", []error{stale, young, nil}, []string{deliver, renew, deliver}, nil},
		{"nobody can renew it", []error{stale, away}, []string{deliver, renew}, stale},
		{"the clock is wrong", []error{stale, young, stale}, []string{deliver, renew, deliver}, stale},
	} {
		l := &script{answers: tc.answers}
		s, _, err := ShipmentDeliver.Do(t.Context(), l, StatedArgs{ID: "S-1"})
		if !errors.Is(err, tc.err) || (err == nil) != (tc.err == nil) || (err == nil && s.ID != "S-1") || !slices.Equal(l.asked, tc.asked) {
			t.Errorf("%s: submitted %v, got %+v, %v; want %v and %v", tc.name, l.asked, s, err, tc.asked, tc.err)
		}
	}
}
