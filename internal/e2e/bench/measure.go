package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

const (
	benchTrackers = 32
	account       = "ingest-bench:bench"
)

// rounds of the comparison; their median counts.
const rounds = 5

// measureIngest compares, with the same broker code and the same load, a paho client that only counts with the whole
// ingest: every signature verified, every message in InfluxDB and in a log. The figure is for ingest as `make up` runs it,
// with the broker inside; a second one is for ingest as a paho client of the very broker process that the counter had.
//
// A machine's speed changes within minutes, by a third and more. So each measurement of ingest stands between two of the bare
// client and is divided by their mean, and the figure is the median over the rounds; all are printed.
func measureIngest(ctx context.Context, s *stack, messages int) error {
	run := strconv.FormatInt(time.Now().Unix(), 36)
	each := messages / benchTrackers
	n := uint64(each * benchTrackers)
	bare, err := bareRate(ctx, run, each, n)
	if err != nil {
		return err
	}
	note("bare subscriber: %.0f messages/s", bare)
	var ratios, external []float64
	peak := 0.0
	for round := range 2*rounds - 1 {
		embedded := round%2 == 0 // the external arrangement has the rounds between
		// Trackers of its own: messages that the database holds already would cost it something else.
		of := fmt.Sprint(run, "-", round)
		if err := s.enrol(ctx, of, benchTrackers, 4); err != nil {
			return err
		}
		full, rss, err := ingestRate(ctx, s, of, each, n, embedded)
		if err != nil {
			return err
		}
		next, err := bareRate(ctx, run, each, n)
		if err != nil {
			return err
		}
		ratio := full / ((bare + next) / 2)
		note("embedded broker %t: %.0f messages/s stored and logged; bare %.0f and %.0f: ratio %.4f", embedded, full, bare, next, ratio)
		bare = next
		if embedded {
			ratios, peak = append(ratios, ratio), max(peak, rss)
		} else {
			external = append(external, ratio)
		}
	}
	figure("ingest_vs_bare_subscriber", median(ratios), "ratio")
	figure("ingest_external_broker_vs_bare_subscriber", median(external), "ratio")
	figure("ingest_rss", peak, "MiB")
	return nil
}

// median of some figures; the lower one of the middle two.
func median(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[(len(sorted)-1)/2]
}

// startBroker runs the broker as a child.
func startBroker(ctx context.Context) (*child, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	b, err := start(ctx, self, "broker", "-account", account)
	if err != nil {
		return nil, "", err
	}
	url, err := b.expect("tcp:")
	return b, "tcp:" + url, err
}

// fire runs the publisher: it makes its messages first, then goes; done is called after the start.
func fire(ctx context.Context, url, run string, each int, login bool, done func() (time.Time, error)) (time.Duration, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	p, err := start(ctx, self, "publish", "-url", url, "-run", run, "-trackers", strconv.Itoa(benchTrackers), "-each", strconv.Itoa(each), "-login="+strconv.FormatBool(login))
	if err != nil {
		return 0, err
	}
	defer p.stop()
	if _, err := p.expect("ready"); err != nil {
		return 0, err
	}
	if _, err := p.in.Write([]byte("go\n")); err != nil {
		return 0, err
	}
	began, err := p.expect("start")
	if err != nil {
		return 0, err
	}
	ns, err := strconv.ParseInt(began, 10, 64)
	if err != nil {
		return 0, err
	}
	end, err := done()
	return end.Sub(time.Unix(0, ns)), err
}

func bareRate(ctx context.Context, run string, each int, n uint64) (float64, error) {
	b, url, err := startBroker(ctx)
	if err != nil {
		return 0, err
	}
	defer b.stop()
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	c, err := start(ctx, self, "count", "-url", url, "-account", account, "-n", strconv.FormatUint(n, 10))
	if err != nil {
		return 0, err
	}
	defer c.stop()
	if _, err := c.expect("ready"); err != nil {
		return 0, err
	}
	parts := map[string]int{"broker": b.cmd.Process.Pid, "subscriber": c.cmd.Process.Pid}
	used := cpuOf("", parts)
	took, err := fire(ctx, url, run, each, false, func() (time.Time, error) {
		at, err := c.expect("done")
		if err != nil {
			return time.Time{}, err
		}
		note("bare: cpu µs/message: %s", used.since(cpuOf("", parts), n))
		ns, err := strconv.ParseInt(at, 10, 64)
		return time.Unix(0, ns), err
	})
	return float64(n) / took.Seconds(), err
}

func ingestRate(ctx context.Context, s *stack, run string, each int, n uint64, embedded bool) (rate, rss float64, err error) {
	parts := map[string]int{}
	var url string
	if !embedded {
		b, at, err := startBroker(ctx)
		if err != nil {
			return 0, 0, err
		}
		defer b.stop()
		url, parts["broker"] = at, b.cmd.Process.Pid
	}
	c, err := benchConfig(s, url)
	if err != nil {
		return 0, 0, err
	}
	// The stack's own instance serves all partitions, and gets nothing meanwhile.
	ingest := filepath.Join(s.dir, "bin", "ingest")
	defer func() {
		err = errors.Join(err, claim(ctx, ingest, filepath.Join(s.dir, "ingest-carrier", "config.yaml")))
	}()
	if err := claim(ctx, ingest, c.path); err != nil {
		return 0, 0, err
	}
	i, err := start(ctx, ingest, "--config", c.path)
	if err != nil {
		return 0, 0, err
	}
	defer i.stop()
	parts["ingest"] = i.cmd.Process.Pid
	if err := waitReady(ctx, c.base); err != nil {
		return 0, 0, err
	}
	before, err := s.status(ctx, c.id, c.base)
	if err != nil {
		return 0, 0, err
	}
	var peak float64
	used := cpuOf(s.dir, parts)
	took, err := fire(ctx, c.mqtt, run, each, embedded, func() (time.Time, error) {
		deadline := time.Now().Add(5 * time.Minute)
		for {
			st, err := s.status(ctx, c.id, c.base)
			if err != nil {
				return time.Time{}, err
			}
			peak = max(peak, rssMiB(i.cmd.Process.Pid))
			if st.Stored-before.Stored >= n && st.Logged-before.Logged >= n {
				at := time.Now()
				note("cpu µs/message: %s", used.since(cpuOf(s.dir, parts), n))
				return at, nil
			}
			if time.Now().After(deadline) {
				return time.Time{}, fmt.Errorf("only %d of %d stored, %d logged", st.Stored-before.Stored, n, st.Logged-before.Logged)
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	return float64(n) / took.Seconds(), peak, err
}

// claim makes the partitions of a configuration its instance's.
func claim(ctx context.Context, ingest, config string) error {
	if out, err := exec.CommandContext(ctx, ingest, "claim", "--take", "--config", config).CombinedOutput(); err != nil {
		return fmt.Errorf("ingest claim --take --config %s: %w\n%s", config, err, out)
	}
	return nil
}

// benchIngest is how to start and reach the ingest under test.
type benchIngest struct{ path, id, base, mqtt string }

// benchConfig is the carrier's ingest configuration with another id, journal and ports, and with the broker at url ("" =
// embedded, as it is).
func benchConfig(s *stack, url string) (benchIngest, error) {
	var c benchIngest
	raw, err := os.ReadFile(filepath.Join(s.dir, "ingest-carrier", "config.yaml"))
	if err != nil {
		return c, err
	}
	cfg := map[string]any{}
	if err := yaml.Unmarshal(raw, &cfg); err != nil {
		return c, err
	}
	dir := filepath.Join(s.dir, "ingest-bench")
	if err := os.RemoveAll(dir); err != nil {
		return c, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return c, err
	}
	addr, err := freeAddress()
	if err != nil {
		return c, err
	}
	user, password, _ := strings.Cut(account, ":")
	passwordFile := filepath.Join(dir, "mqtt-password")
	if err := os.WriteFile(passwordFile, []byte(password), 0o600); err != nil {
		return c, err
	}
	// A fresh id each time: its heads log on the ledger begins empty, like its journal.
	id := "carrier.bench-" + strconv.FormatInt(time.Now().UnixMilli(), 36)
	cfg["id"] = id
	cfg["dir"] = filepath.Join(dir, "data")
	cfg["http"] = addr
	mqtt := map[string]any{"embedded": false, "url": url, "username": user, "password_file": passwordFile}
	if url == "" {
		listen, err := freeAddress()
		if err != nil {
			return c, err
		}
		mqtt["embedded"], mqtt["listen"], url = true, listen, "tcp://"+listen
		delete(mqtt, "url")
	}
	cfg["mqtt"] = mqtt
	if raw, err = yaml.Marshal(cfg); err != nil {
		return c, err
	}
	c = benchIngest{path: filepath.Join(dir, "config.yaml"), id: id, base: "http://" + addr, mqtt: url}
	return c, os.WriteFile(c.path, raw, 0o600)
}

func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

func waitReady(ctx context.Context, base string) error {
	deadline := time.Now().Add(time.Minute)
	last := errors.New("no answer")
	for time.Now().Before(deadline) {
		req, err := http.NewRequestWithContext(ctx, "GET", base+"/readyz", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("%s %s", resp.Status, body)
		}
		last = err
		time.Sleep(200 * time.Millisecond)
	}
	return fmt.Errorf("ingest is not ready: %w", last)
}

func rssMiB(pid int) float64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for _, line := range strings.Split(string(raw), "\n") {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib / 1024
		}
	}
	return 0
}

// anchorWindow is how long the anchors of one and of a thousand live shipments are counted, from the first anchor on: five are
// due in it, and its end is far from the fifth and from the sixth.
const (
	anchorWindow = 56 * time.Second
	firstAnchor  = 30 * time.Second
)

// measureAnchors counts the anchor transactions in two windows of the same length: one live shipment, then a thousand, each
// with a message every five seconds, so that neither reaches the number of leaves that brings an anchor forward.
func measureAnchors(ctx context.Context, s *stack) error {
	for _, shipments := range []int{1, 1000} {
		run := strconv.FormatInt(time.Now().Unix(), 36) + "a"
		note("enrolling %d trackers on %d shipments", shipments, shipments)
		if err := s.enrol(ctx, run, shipments, 1); err != nil {
			return err
		}
		n, logged, err := s.countAnchors(ctx, run, shipments)
		if err != nil {
			return err
		}
		note("%d live shipments: %d anchors, %d messages", shipments, n, logged)
		unit := "transactions"
		if shipments == 1 {
			figure("anchors_1_shipment", float64(n), unit)
		} else {
			figure("anchors_1000_shipments", float64(n), unit)
		}
	}
	return nil
}

func (s *stack) countAnchors(ctx context.Context, run string, trackers int) (anchors int, logged uint64, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, 0, err
	}
	p, err := start(ctx, self, "publish", "-login", "-url", s.MQTT, "-run", run, "-trackers", strconv.Itoa(trackers), "-each", "1000000", "-every", "5s")
	if err != nil {
		return 0, 0, err
	}
	defer p.stop()
	if _, err := p.expect("ready"); err != nil {
		return 0, 0, err
	}
	if _, err := p.in.Write([]byte("go\n")); err != nil {
		return 0, 0, err
	}
	in := s.Ingest[0]
	last, began := uint64(0), time.Now()
	st, err := s.status(ctx, in.ID, in.URL)
	if err != nil {
		return 0, 0, err
	}
	if st.LastAnchor != nil {
		last = st.LastAnchor.Size
	}
	before, end := st, time.Time{} // end is set with the first anchor, which is not counted
	for end.IsZero() || time.Now().Before(end) {
		st, err := s.status(ctx, in.ID, in.URL)
		if err != nil {
			return 0, 0, err
		}
		grown := st.LastAnchor != nil && st.LastAnchor.Size != last // anchors are seconds apart, looked for ten times a second
		switch {
		case grown && end.IsZero():
			last, before, end = st.LastAnchor.Size, st, time.Now().Add(anchorWindow)
		case grown:
			last = st.LastAnchor.Size
			anchors++
		case end.IsZero() && time.Since(began) > firstAnchor:
			return 0, 0, fmt.Errorf("no anchor within %s", firstAnchor)
		}
		logged = st.Logged - before.Logged
		time.Sleep(100 * time.Millisecond)
	}
	return anchors, logged, nil
}

// measureUp stops the stack and starts it again: everything is built, all state is there.
func measureUp(ctx context.Context, dir, network string) error {
	if out, err := exec.CommandContext(ctx, network, "down", "--dir", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("down: %w\n%s", err, out)
	}
	began := time.Now()
	if out, err := exec.CommandContext(ctx, network, "up", "--dir", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("up: %w\n%s", err, out)
	}
	figure("up_warm", time.Since(began).Seconds(), "s")
	return nil
}
