package run

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/mqtt/broker"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/testkit"
)

// envBench makes the test binary a broker with either ingest or a bare subscriber in it; envThroughput enables the test.
const (
	envBench      = "TRACKSEAL_BENCH_CHILD"
	envThroughput = "TRACKSEAL_THROUGHPUT"
)

type benchConfig struct {
	Bare        bool
	Dir, Ledger string
	Influx      influx.Config
	Profile     string
}

func benchChild() {
	var cfg benchConfig
	if err := json.Unmarshal([]byte(os.Getenv(envBench)), &cfg); err != nil {
		panic(err)
	}
	debug.SetGCPercent(200) // as the program does
	ctx, stop := service.WithSignals(context.Background())
	defer stop()
	if cfg.Profile != "" {
		f, err := os.Create(cfg.Profile)
		if err != nil {
			panic(err)
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			panic(err)
		}
		defer pprof.StopCPUProfile()
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	b, err := broker.New(broker.Config{
		Listen: "127.0.0.1:0", Accounts: []broker.Account{{Username: "carrier.ingest-test", Password: "pw"}},
		Authenticate: func(string, string) (time.Time, error) { return time.Time{}, nil }, Log: log,
	})
	if err != nil {
		panic(err)
	}
	addr, err := b.Listen(ctx)
	if err != nil {
		panic(err)
	}
	parts := []service.Part{{Name: "broker", Run: b.Run}}
	var done func() uint64
	if cfg.Bare {
		var n atomic.Uint64
		all, _ := mqtt.ParsePartitions("00-ff")
		parts = append(parts, service.Part{Name: "bare", Run: func(ctx context.Context) error {
			return mqtt.CountMessages(ctx, mqtt.ConsumerConfig{URL: "tcp://" + addr.String(), ClientID: "carrier.ingest-test", Username: "carrier.ingest-test", Password: func() string { return "pw" }, Partitions: all}, &n)
		}})
		done = n.Load
	} else {
		db, err := influx.Open(cfg.Influx)
		if err != nil {
			panic(err)
		}
		consumer, err := newConsumer("tcp://" + addr.String())
		if err != nil {
			panic(err)
		}
		p, err := New(Config{ID: ingestID, Dir: cfg.Dir, Source: consumer, Database: db, Ledger: remoteLedger{cfg.Ledger}, Log: log})
		if err != nil {
			panic(err)
		}
		parts = append(append(parts, p.Parts()...), service.Part{Name: "mqtt", Run: consumer.Run})
		done = func() uint64 { return min(p.writer.Stored(), p.seq.Counts().Logged) }
	}
	fmt.Println("url", "tcp://"+addr.String())
	parts = append(parts, service.Part{Name: "report", Run: func(ctx context.Context) error {
		for ctx.Err() == nil {
			fmt.Println("done", done())
			time.Sleep(50 * time.Millisecond)
		}
		status, _ := os.ReadFile("/proc/self/status")
		fmt.Printf("peak %s\n", regexp.MustCompile(`VmHWM:\s+(\d+)`).FindSubmatch(status)[1])
		return nil
	}})
	if err := service.Run(ctx, log, parts...); err != nil {
		panic(err)
	}
}

// TestThroughput compares messages stored and logged per second with a bare subscriber on the same broker and load.
func TestThroughput(t *testing.T) {
	if os.Getenv(envThroughput) == "" {
		t.Skipf("measures only when %s is set", envThroughput)
	}
	d := testkit.StartInfluxd(t)
	const trackers, each = 40, 1500
	l := testkit.NewLedger("CarrierMSP", nil)
	defer l.Close()
	base := time.Now().Add(-time.Hour).UnixMilli()
	createShipment(t, l, "carrier.S-1")
	load := make([][][]byte, trackers)
	for i := range trackers {
		dev := newDevice(fmt.Sprintf("carrier.T-%d", i), base)
		enrol(t, l, dev)
		assign(t, l, "carrier.S-1", dev.id, base)
		for range each {
			load[i] = append(load[i], dev.message(t, 5))
			dev.now -= 59_000
		}
	}
	url := serveLedger(t, l)
	var split string // where the time of the last run went
	run := func(cfg benchConfig) (perSecond float64, peakKB int) {
		exe, _ := os.Executable()
		env, _ := json.Marshal(cfg)
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), envBench+"="+string(env))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		lines.Scan()
		var broker string
		if _, err := fmt.Sscanf(lines.Text(), "url %s", &broker); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		devices := make([]*mqtt.Device, trackers)
		for i := range devices {
			if devices[i], err = mqtt.Dial(t.Context(), mqtt.DeviceConfig{URL: broker, Tracker: fmt.Sprintf("carrier.T-%d", i), Silent: true, Password: func() string { return "x" }}); err != nil {
				t.Fatal(err)
			}
		}
		if cfg.Profile != "" {
			go saveProfile(t, d.URL, cfg.Profile+".influxd")
		}
		begin, self, child, server := time.Now(), cpu(os.Getpid()), cpu(cmd.Process.Pid), cpu(d.PID())
		var wg sync.WaitGroup
		for i, dev := range devices {
			wg.Go(func() {
				for _, m := range load[i] {
					if err := dev.Send(t.Context(), up(fmt.Sprintf("carrier.T-%d", i)), m); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for lines.Scan() {
			var n int
			if _, err := fmt.Sscanf(lines.Text(), "done %d", &n); err == nil && n >= trackers*each {
				break
			}
		}
		took := time.Since(begin)
		used := func(pid int, since time.Duration) float64 {
			return float64((cpu(pid) - since).Microseconds()) / (trackers * each)
		}
		split = fmt.Sprintf("cpu µs/message: load %.0f, broker and ingest %.0f, influxd %.0f", used(os.Getpid(), self), used(cmd.Process.Pid, child), used(d.PID(), server))
		wg.Wait()
		for _, dev := range devices {
			dev.Close()
		}
		_ = cmd.Process.Signal(os.Interrupt)
		for lines.Scan() {
			_, _ = fmt.Sscanf(lines.Text(), "peak %d", &peakKB) // the last line, if it comes
		}
		_ = cmd.Wait()
		return trackers * each / took.Seconds(), peakKB
	}
	{
		bare, barePeak := run(benchConfig{Bare: true})
		t.Log(split)
		full, fullPeak := run(benchConfig{Dir: t.TempDir(), Ledger: url, Influx: influx.Config{URL: d.URL, Org: d.Org, Bucket: d.Bucket, TokenFile: d.TokenFile}, Profile: os.Getenv("TRACKSEAL_PROFILE")})
		t.Log(split)
		t.Logf("bare %.0f/s (%d MB), ingest %.0f/s (%d MB), ratio %.2f", bare, barePeak>>10, full, fullPeak>>10, full/bare)
		d.Stop()
		d.Start()
	}
}

// saveProfile writes what influxd does in the next seconds.
func saveProfile(t *testing.T, url, path string) {
	resp, err := http.Get(url + "/debug/pprof/profile?seconds=2")
	if err != nil {
		t.Log(err)
		return
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Log(err)
	}
}

// cpu is the processor time that a process has used.
func cpu(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}
