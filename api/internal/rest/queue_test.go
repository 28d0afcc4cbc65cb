package rest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/api/internal/rest"
)

func as(ctx context.Context, client string) context.Context {
	return access.WithPrincipal(ctx, &access.Principal{Client: client})
}

// TestOneClientCannotKeepOthersOut: a client that takes all it can get, for as long as it likes, leaves a place for the others.
func TestOneClientCannotKeepOthersOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := rest.NewQueue(3, 30*time.Second)
		greedy := as(t.Context(), "greedy")
		refused := make(chan error, 100)
		for range 100 {
			go func() {
				_, err := q.Take(greedy) // and never gives back
				refused <- err
			}()
		}
		synctest.Wait()
		began := time.Now()
		for i := range 50 {
			done, err := q.Take(as(t.Context(), fmt.Sprint("honest", i%5)))
			if err != nil {
				t.Fatalf("request %d of others: %v, want a place", i, err)
			}
			done()
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("the others waited %s beside one greedy client, want not at all", waited)
		}
		// 2 of 100 have a place, 8 wait until their time is over, 90 are told at once that they are too many.
		time.Sleep(31 * time.Second)
		synctest.Wait()
		got := 0
		for range 100 {
			err := <-refused
			if err == nil {
				got++
				continue
			}
			var p *problem.Problem
			if !errors.As(err, &p) || p.Status != http.StatusTooManyRequests || p.Code != problem.RateLimited || p.GetHeaders().Get("Retry-After") == "" {
				t.Fatalf("refused with %v, want 429 with a code and Retry-After", err)
			}
		}
		if got != 2 {
			t.Errorf("one client has %d of 3 places, want 2", got)
		}
	})
}

// TestPlacesGoRound: who asked for much first does not make one who asks once wait for all of it.
func TestPlacesGoRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := rest.NewQueue(2, time.Minute)
		served := make(chan string, 9)
		work := func(client string) {
			done, err := q.Take(as(t.Context(), client))
			if err != nil {
				t.Errorf("%s: %v, want a place", client, err)
				return
			}
			served <- client
			time.Sleep(time.Second)
			done()
		}
		for _, client := range []string{"a", "a", "a", "a", "a", "b", "b", "b", "c"} {
			go work(client)
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		close(served)
		var order []string
		for client := range served {
			order = append(order, client)
		}
		// c came last. One more request of a and of b is answered before it, not all of theirs; who is served in the same second may
		// say so in either order.
		if c := slices.Index(order, "c"); len(order) != 9 || c < 0 || c > 5 {
			t.Errorf("served in the order %v, want all nine, and c among the first six", order)
		}
	})
}

// TestWhoLeavesTheQueue frees what would have been theirs.
func TestWhoLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := rest.NewQueue(2, time.Minute)
		one, err := q.Take(as(t.Context(), "a"))
		if err != nil {
			t.Fatal(err)
		}
		two, err := q.Take(as(t.Context(), "b"))
		if err != nil {
			t.Fatal(err)
		}
		gone, leave := context.WithCancel(as(t.Context(), "c"))
		left := make(chan error)
		go func() {
			_, err := q.Take(gone)
			left <- err
		}()
		synctest.Wait()
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("who goes away gets %v, want %v", err, context.Canceled)
		}
		one()
		two()
		for _, client := range []string{"d", "e"} {
			if _, err := q.Take(as(t.Context(), client)); err != nil {
				t.Errorf("%s: %v, want a place: both are free", client, err)
			}
		}
	})
}
