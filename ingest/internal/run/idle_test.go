package run

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// envIdle is how many assigned trackers TestIdleMemory makes up; envIdleChild makes the test binary the ingest that is measured.
const (
	envIdle      = "TRACKSEAL_IDLE"
	envIdleChild = "TRACKSEAL_IDLE_CHILD"
)

// TestIdleMemory measures a whole ingest (broker, journal, registry, judging) that knows many trackers, each on a live
// shipment of its own, and hears nothing. The ledger is made up: it only answers the listings.
func TestIdleMemory(t *testing.T) {
	n := os.Getenv(envIdle)
	if n == "" {
		t.Skipf("measures only when %s says how many trackers", envIdle)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), envIdleChild+"="+n, "TRACKSEAL_IDLE_DIR="+t.TempDir())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	now, peak := 0, 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		_, _ = fmt.Sscanf(lines.Text(), "rss %d peak %d", &now, &peak)
	}
	if err := cmd.Wait(); err != nil || now == 0 {
		t.Fatalf("no answer: %v", err)
	}
	fmt.Printf("figure ingest_idle_rss_100k %.4g MiB\n", float64(now)/1024)
	t.Logf("%s assigned trackers: %d MiB after loading, %d MiB at most while loading", n, now>>10, peak>>10)
}

func idleChild() {
	n, err := strconv.Atoi(os.Getenv(envIdleChild))
	if err != nil {
		panic(err)
	}
	debug.SetGCPercent(200) // as the program does
	debug.SetMemoryLimit(800 << 20)
	ctx, stop := service.WithSignals(context.Background())
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	dir := os.Getenv("TRACKSEAL_IDLE_DIR")
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("a:b"), 0o600); err != nil {
		panic(err)
	}
	db, err := influx.Open(influx.Config{URL: "http://127.0.0.1:9", Bucket: "a/b", TokenFile: token}) // nothing is written
	if err != nil {
		panic(err)
	}
	b, err := newLocalBroker("127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	if _, err := b.Listen(ctx); err != nil {
		panic(err)
	}
	p, err := New(Config{ID: ingestID, Dir: dir, Source: b, Database: db, Ledger: idleLedger{n}, Log: log})
	if err != nil {
		panic(err)
	}
	parts := append([]service.Part{{Name: "broker", Run: b.Run}}, p.Parts()...)
	parts = append(parts, service.Part{Name: "measure", Run: func(ctx context.Context) error {
		for p.registry.Ready(ctx) != nil || p.cfg.Source.Ready(ctx) != nil {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(100 * time.Millisecond):
			}
		}
		select { // every live shipment has been looked at once
		case <-ctx.Done():
		case <-time.After(10 * time.Second):
		}
		trackers, shipments := p.registry.Size()
		if trackers != n || shipments != n {
			panic(fmt.Sprintf("%d trackers, %d shipments", trackers, shipments))
		}
		fmt.Printf("rss %d peak %d\n", memoryKB("VmRSS"), memoryKB("VmHWM"))
		stop()
		return nil
	}})
	if err := service.Run(ctx, log, parts...); err != nil {
		panic(err)
	}
}

func memoryKB(field string) int {
	status, _ := os.ReadFile("/proc/self/status")
	n, _ := strconv.Atoi(string(regexp.MustCompile(field + `:\s+(\d+)`).FindSubmatch(status)[1]))
	return n
}

// idleLedger lists n trackers, each assigned to its own shipment.
type idleLedger struct{ n int }

const idleSince = 1_770_000_000_000

func (l idleLedger) Evaluate(_ context.Context, fn string, arg any) ([]byte, error) {
	args, ok := arg.(ledger.ListArgs)
	if !ok {
		return nil, ledger.ErrUnavailable
	}
	from, _ := strconv.Atoi(args.Bookmark)
	to := min(from+args.Limit, l.n)
	bookmark := ""
	if to < l.n {
		bookmark = strconv.Itoa(to)
	}
	switch fn {
	case ledger.TrackerList.Name():
		page := ledger.Page[ledger.Tracker]{Bookmark: bookmark}
		for i := from; i < to; i++ {
			seed := [32]byte{byte(i), byte(i >> 8), byte(i >> 16)}
			public, _ := telemetry.Public(ed25519.NewKeyFromSeed(seed[:]))
			kid := public.KID()
			key := ledger.TrackerKey{KID: hex.EncodeToString(kid[:]), Alg: int(telemetry.Ed25519), Public: hex.EncodeToString(public.Raw), FromMS: idleSince, Tx: idleTx(i)}
			page.Items = append(page.Items, ledger.Tracker{
				ID: fmt.Sprintf("carrier.T-%06d", i), Owner: "CarrierMSP", Alg: int(telemetry.Ed25519), Keys: []ledger.TrackerKey{key},
				Model: "idle", EnrolledMS: idleSince, EnrolTx: idleTx(i), Assigned: fmt.Sprintf("carrier.S-%06d", i),
			})
		}
		return json.Marshal(page)
	case ledger.ShipmentList.Name():
		page := ledger.Page[ledger.Shipment]{Bookmark: bookmark}
		for i := from; i < to; i++ {
			page.Items = append(page.Items, ledger.Shipment{
				ID: fmt.Sprintf("carrier.S-%06d", i), State: ledger.InTransit, Creator: "CarrierMSP", Custodian: "CarrierMSP", CreatedMS: idleSince, CreateTx: idleTx(i + l.n),
				Parties: ledger.Parties{"carrier": {"CarrierMSP"}, "shipper": {"ShipperMSP"}, "consignee": {"ConsigneeMSP"}, "auditor": {"AuditorMSP"}},
				RuleSet: "general-2-8@1", RuleSetHash: idleTx(-1),
				Assignments: []ledger.Assignment{{Tracker: fmt.Sprintf("carrier.T-%06d", i), FromMS: idleSince, AssignTx: idleTx(i + 2*l.n), By: "CarrierMSP"}},
			})
		}
		return json.Marshal(page)
	}
	return nil, ledger.ErrUnavailable
}

func idleTx(i int) string { return fmt.Sprintf("%064x", uint32(i)) }

func (l idleLedger) Events(ctx context.Context, _ uint64, _ func(ledger.Event) error, atHead func(uint64)) error {
	atHead(10)
	<-ctx.Done()
	return ctx.Err()
}

func (l idleLedger) Network(context.Context) ([]ledger.Node, error) {
	return []ledger.Node{{Role: "peer", Up: true, Height: 10}}, nil
}
func (l idleLedger) MSP() string { return "CarrierMSP" }
func (l idleLedger) Submit(context.Context, string, any) (ledger.Result, error) {
	return ledger.Result{}, ledger.ErrUnavailable
}
func (l idleLedger) TxStatus(context.Context, string) (bool, int32, uint64, error) {
	return false, 0, 0, ledger.ErrUnavailable
}
