package fabric

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/testkit"
)

// TestStackFaults kills and freezes each kind of process under a load of submits and then accounts for every transaction:
// each submit ends with an answer that is true, an unknown one is resolved by looking it up, none is lost, none counts twice.
func TestStackFaults(t *testing.T) {
	s := realStack(t)
	if os.Getenv("TRACKSEAL_NETWORK") == "" {
		t.Skip("kills processes of the stack: TRACKSEAL_NETWORK is not set, so the stack may be somebody's")
	}
	long := os.Getenv("TRACKSEAL_LONG") != ""
	for _, victim := range []struct {
		name         string
		kill, freeze bool // also without TRACKSEAL_LONG
	}{
		{"peer-carrier", true, true},
		{"peer-consignee", true, false},
		{"chaincode-carrier", true, false},
		// One of the orderers leads.
		{"orderer-carrier", true, false},
		{"orderer-shipper", false, true},
		{"orderer-consignee", true, false},
		{"orderer-auditor", false, false},
	} {
		if victim.kill || long {
			t.Run("kill "+victim.name, func(t *testing.T) {
				s.underLoad(t, func() {
					old := s.signal(t, victim.name, syscall.SIGKILL)
					testkit.WaitFor(t, time.Minute, victim.name+" is started again by the supervisor", func() bool {
						pid := s.pid(t, victim.name)
						return pid != old && pid > 1
					})
				})
			})
		}
		if victim.freeze || long {
			t.Run("freeze "+victim.name, func(t *testing.T) {
				s.underLoad(t, func() {
					pid := s.signal(t, victim.name, syscall.SIGSTOP)
					defer syscall.Kill(pid, syscall.SIGCONT)
					time.Sleep(8 * time.Second) // longer than the client waits for an answer before it goes elsewhere
				})
			})
		}
	}
}

// pid is that of a process of the stack, 0 while its file is being written.
func (s stack) pid(t *testing.T, process string) int {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.dir, "run", process+".pid"))
	if err != nil {
		return 0
	}
	var file struct {
		PID int `json:"pid"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		return 0
	}
	return file.PID
}

func (s stack) signal(t *testing.T, process string, signal syscall.Signal) int {
	t.Helper()
	pid := s.pid(t, process)
	if pid <= 1 {
		t.Fatalf("%s: pid %d, want a running process", process, pid)
	}
	if err := syscall.Kill(pid, signal); err != nil {
		t.Fatalf("%s, pid %d: %v", process, pid, err)
	}
	return pid
}

// account is what one worker did about one record.
type account struct {
	id     string
	tx     string   // the transaction that Submit, or the lookup, called valid
	failed []string // transactions that were called not ordered or invalid
	unsure []string // transactions that stayed unknown and were superseded by another try
}

func (s stack) underLoad(t *testing.T, fault func()) {
	c := s.open(t, "carrier", "api")
	far := s.open(t, "auditor", "api") // an observer whose own peer is never touched
	before, err := far.height(t.Context(), far.peers[0])
	if err != nil {
		t.Fatal(err)
	}

	// The stream of the client under test, through the fault.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	var streamed []ledger.Event
	streamEnd := make(chan error, 1)
	go func() {
		streamEnd <- c.Events(ctx, before, func(e ledger.Event) error {
			mu.Lock()
			defer mu.Unlock()
			streamed = append(streamed, e)
			return nil
		}, nil)
	}()

	const workers = 4
	stop := make(chan struct{})
	accounts := make([][]*account, workers)
	counts := map[string]int{}
	slowest := time.Duration(0)
	count := func(what string, took time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		counts[what]++
		slowest = max(slowest, took)
	}
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				a := &account{id: fmt.Sprintf("carrier.load-%d-%d-%x", w, i, rand.Uint64())}
				accounts[w] = append(accounts[w], a)
				enrolOnce(t, c, a, count)
			}
		})
	}
	// Calls are under way when the fault comes, and go on for a while after it.
	flowing := func(when string) {
		t.Helper()
		mu.Lock()
		start := counts["valid"]
		mu.Unlock()
		testkit.WaitFor(t, patient, "five submits a worker, "+when+" the fault", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return counts["valid"] >= start+5*workers
		})
	}
	flowing("before")
	fault()
	flowing("after")
	close(stop)
	group.Wait()

	// All is well again: every node answers, none lags (an orderer that has stopped working is found by the supervisor and started
	// again, which takes it half a minute and more), and the client has gone back to its own.
	testkit.WaitFor(t, 3*time.Minute, "all nodes up and level", func() bool {
		nodes, err := c.Network(t.Context())
		if err != nil {
			return false
		}
		for _, n := range nodes {
			if !n.Up || n.Height != nodes[0].Height {
				return false
			}
		}
		c.health.mu.Lock()
		defer c.health.mu.Unlock()
		return len(c.health.down) == 0
	})

	// The truth, from a peer of another organisation, from before the load to the end.
	truth := replay(t, far, before)
	byTx, byID := map[string]int{}, map[string][]string{}
	for _, e := range truth {
		var tracker ledger.Tracker
		if err := json.Unmarshal(e.Payload, &tracker); err != nil {
			t.Fatal(err)
		}
		byTx[e.TxID]++
		byID[tracker.ID] = append(byID[tracker.ID], e.TxID)
	}
	records := 0
	for _, worker := range accounts {
		for _, a := range worker {
			records++
			if got := byID[a.id]; len(got) != 1 || got[0] != a.tx {
				t.Errorf("record %s: believed in %s, the ledger has %v", a.id, a.tx, got)
			}
			for _, tx := range a.failed {
				if byTx[tx] != 0 {
					t.Errorf("record %s: transaction %s was called failed and is valid", a.id, tx)
				}
			}
		}
	}
	testkit.WaitFor(t, 20*time.Second, "the stream has all events", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(streamed) >= len(truth)
	})
	cancel()
	<-streamEnd
	for i, e := range truth {
		if i >= len(streamed) || streamed[i].TxID != e.TxID || streamed[i].Block != e.Block {
			t.Fatalf("event %d of the stream differs from the ledger", i)
		}
	}
	if len(streamed) != len(truth) {
		t.Errorf("%d events streamed, %d on the ledger", len(streamed), len(truth))
	}
	t.Logf("%d records, slowest submit %s, outcomes %v", records, slowest.Round(time.Millisecond), counts)
}

// patient is how long a record may take: an orderer that stopped working is found after half a minute, a second one a while
// later.
const patient = 5 * time.Minute

// enrolOnce has one record on the ledger, whatever it takes: what a careful caller does with each error.
func enrolOnce(t *testing.T, c *Client, a *account, count func(string, time.Duration)) {
	args := ledger.EnrolArgs{ID: a.id, SecretHash: strings.Repeat("ab", 32)}
	for began := time.Now(); ; {
		if time.Since(began) > patient {
			t.Errorf("record %s: not on the ledger after %s; failed %v, unknown %v", a.id, patient, a.failed, a.unsure)
			return
		}
		start := time.Now()
		result, err := c.Submit(t.Context(), ledger.TrackerEnrol.Name(), args)
		took := time.Since(start)
		var stage *ledger.StageError
		switch {
		case err == nil:
			count("valid", took)
			a.tx = result.TxID
			return
		case errors.Is(err, ledger.ErrCommitUnknown) && errors.As(err, &stage):
			count("unknown", took)
			if found, code := resolve(t, c, stage.TxID); found && code == 0 {
				a.tx = stage.TxID
				return
			} else if found {
				a.failed = append(a.failed, stage.TxID)
			} else {
				a.unsure = append(a.unsure, stage.TxID)
			}
		case errors.Is(err, ledger.ErrUnavailable) && errors.As(err, &stage):
			count("unavailable at "+string(stage.Stage), took)
			a.failed = append(a.failed, stage.TxID)
			time.Sleep(50 * time.Millisecond)
		case errors.Is(err, ledger.ErrInvalid) && errors.As(err, &stage) && len(a.unsure) > 0:
			// It lost against an earlier try of ours that was ordered after all, and the next one hears that the record exists.
			count("overtaken", took)
			a.failed = append(a.failed, stage.TxID)
		case ledger.CodeOf(err) == ledger.Exists:
			// An earlier try of ours that nobody could tell of was ordered after all.
			count("exists", took)
			var tracker ledger.Tracker
			testkit.WaitFor(t, 60*time.Second, "record "+a.id+", which other peers say exists, at a peer that answers", func() bool {
				raw, err := c.Evaluate(t.Context(), ledger.TrackerGet.Name(), ledger.IDArgs{ID: a.id})
				return err == nil && json.Unmarshal(raw, &tracker) == nil
			})
			for _, tx := range a.unsure {
				if tx == tracker.EnrolTx {
					a.tx = tx
				}
			}
			return
		default:
			t.Errorf("record %s: %v", a.id, err)
			return
		}
	}
}

// resolve looks a transaction up until the ledger is there to answer.
func resolve(t *testing.T, c *Client, tx string) (found bool, code int32) {
	testkit.WaitFor(t, 60*time.Second, "a lookup of "+tx, func() bool {
		var err error
		found, code, _, err = c.TxStatus(t.Context(), tx)
		return err == nil
	})
	return found, code
}

// replay reads all events from a block to the ledger's head.
func replay(t *testing.T, c *Client, from uint64) []ledger.Event {
	t.Helper()
	var all []ledger.Event
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	head, err := c.Network(ctx)
	if err != nil {
		t.Fatal(err)
	}
	err = c.Events(ctx, from, func(e ledger.Event) error {
		all = append(all, e)
		return nil
	}, func(height uint64) {
		if height >= head[0].Height {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return all
}
