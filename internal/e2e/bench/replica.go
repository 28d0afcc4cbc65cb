package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

const (
	replicaRate   = 1000 // messages a second
	replicaLoad   = 60 * time.Second
	replicaRounds = 250 * time.Millisecond
	replicaMember = "shipper" // who is a party of all that is published, and runs no ingest
	replicaEnd    = 2 * time.Minute
)

// sample is how much there was at a time.
type sample struct {
	at time.Time
	n  float64
}

// measureReplica publishes steadily and follows how much the operator has logged and how much of it another member has in its own store, verified.
// The lag of each step of the copy is the time since the operator had logged as much. Then it weighs what that member runs.
func measureReplica(ctx context.Context, s *stack) error {
	run := strconv.FormatInt(time.Now().Unix(), 36) + "r"
	if err := s.enrol(ctx, run, benchTrackers, 4); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	every := time.Second * benchTrackers / replicaRate
	each := int(replicaLoad / every)
	p, err := start(ctx, self, "publish", "-login", "-url", s.MQTT, "-run", run, "-trackers", strconv.Itoa(benchTrackers), "-each", strconv.Itoa(each), "-every", every.String())
	if err != nil {
		return err
	}
	defer p.stop()
	if _, err := p.expect("ready"); err != nil {
		return err
	}
	logged, copied, err := s.both(ctx)
	if err != nil {
		return err
	}
	firstLogged, firstCopied := logged, copied
	if _, err := p.in.Write([]byte("go\n")); err != nil {
		return err
	}
	var there, here []sample
	began := time.Now()
	for all := float64(each * benchTrackers); ; {
		if logged, copied, err = s.both(ctx); err != nil {
			return err
		}
		now := time.Now()
		there = append(there, sample{now, logged - firstLogged})
		if n := copied - firstCopied; len(here) == 0 || n > here[len(here)-1].n {
			here = append(here, sample{now, n})
		}
		if copied-firstCopied >= all {
			break
		}
		if time.Since(began) > replicaLoad+replicaEnd {
			return fmt.Errorf("after %s the copy has %.0f of %.0f messages", time.Since(began), copied-firstCopied, all)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(replicaRounds):
		}
	}
	rate := there[len(there)-1].n / replicaLoad.Seconds()
	note("%.0f messages/s logged for %s, copied in %d steps", rate, replicaLoad, len(here)-1)
	figure("replica_lag_p99", percentile(lags(there, here), 0.99), "s")
	mib, parts, err := memberMemory(s.dir, replicaMember)
	if err != nil {
		return err
	}
	note("of %s: %s", replicaMember, parts)
	figure("member_memory", mib, "MiB")
	return nil
}

// lags are how long each message was logged before it was copied: a step of the copy ends the waiting of all messages since the step before.
func lags(there, here []sample) (all []float64) {
	for i := 1; i < len(here); i++ {
		for n := here[i-1].n + 1; n <= here[i].n; n++ {
			j := sort.Search(len(there), func(j int) bool { return there[j].n >= n })
			if j < len(there) {
				all = append(all, math.Max(0, here[i].at.Sub(there[j].at).Seconds()))
			}
		}
	}
	return all
}

func percentile(of []float64, p float64) float64 {
	if len(of) == 0 {
		return math.NaN()
	}
	slices.Sort(of)
	return of[int(math.Ceil(p*float64(len(of))))-1]
}

// both asks how much the operator has logged, and how much the member has copied.
func (s *stack) both(ctx context.Context) (logged, copied float64, err error) {
	in := s.Ingest[0]
	st, err := s.status(ctx, in.ID, in.URL)
	if err != nil {
		return 0, 0, err
	}
	copied, err = metric(ctx, s.API[replicaMember].URL, `trackseal_replica_leaves_total{ingest="`+in.ID+`"}`)
	return float64(st.Logged), copied, err
}

// metric reads one of a program's.
func metric(ctx context.Context, base, name string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(text, 64)
		}
	}
	return 0, fmt.Errorf("%s has no metric %s", base, name)
}

// memberMemory adds up what a member's node holds in memory without orderer and ingest: peer, chaincode, InfluxDB and API.
func memberMemory(dir, member string) (mib float64, parts string, err error) {
	folders := map[string]string{"peer": "/peer-" + member, "influxd": "/influxdb-" + member, "api": "/api-" + member}
	found := map[string]float64{}
	procs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0, "", err
	}
	for _, path := range procs {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		process := filepath.Dir(path)
		pid, _ := strconv.Atoi(filepath.Base(process))
		program := filepath.Base(strings.SplitN(string(raw), "\x00", 2)[0])
		cwd, _ := os.Readlink(filepath.Join(process, "cwd"))
		where := string(raw) + " " + cwd + "/"
		if !strings.Contains(where, dir+"/") {
			continue
		}
		folder, ours := folders[program]
		if strings.Contains(where, dir+"/fabric/chaincode/") { // it is named by its hash, and its member by the files that it serves with
			program, folder, ours = "chaincode", "/"+member+".", true
		}
		if ours && strings.Contains(where, folder) {
			found[program] = rssMiB(pid)
		}
	}
	var names []string
	for name, n := range found {
		names = append(names, fmt.Sprintf("%s %.0f MiB", name, n))
		mib += n
	}
	slices.Sort(names)
	if len(found) != 4 {
		return 0, "", errors.New("of " + member + " run only: " + strings.Join(names, ", "))
	}
	return mib, strings.Join(names, ", "), nil
}
