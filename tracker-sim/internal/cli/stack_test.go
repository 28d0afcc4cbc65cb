package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/client"
	"github.com/trackseal/trackseal/tracker-sim/internal/scenario"
	"github.com/trackseal/trackseal/tracker-sim/internal/scenario/load"
	"github.com/trackseal/trackseal/tracker-sim/internal/scenario/replay"
)

// realStack is the folder of a running stack, or the test is skipped.
func realStack(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("TRACKSEAL_STACK")
	if dir == "" {
		t.Skip("needs a running stack: set TRACKSEAL_STACK to its folder")
	}
	return dir
}

func command(t *testing.T, want int, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	if got := Main(ctx, append(args, "--stack", realStack(t), "--no-progress"), &stdout, &stderr); got != want {
		t.Fatalf("%v: exit code %d, want %d\n%s%s", args, got, want, stdout.String(), stderr.String())
	}
	return stdout.Bytes()
}

func TestStackLoad(t *testing.T) {
	var sum load.Summary
	out := command(t, 0, "load", "--rate", "100", "--duration", "5s", "--trackers", "10", "--sample", "10", "--json", "--journal", filepath.Join(t.TempDir(), "journal"))
	if err := json.Unmarshal(out, &sum); err != nil {
		t.Fatal(err)
	}
	if sum.Verdict != load.VerdictOK || sum.Acked != 510 || sum.Stored != 510 || sum.Logged != 510 || sum.ReadBack == 0 {
		t.Errorf("%s: %d acknowledged, %d stored, %d logged, %d read back; want 510 each and some", sum.Verdict, sum.Acked, sum.Stored, sum.Logged, sum.ReadBack)
	}
}

func TestStackReplay(t *testing.T) {
	name, _ := load.RunName("load")
	path := filepath.Join(t.TempDir(), "trip.csv")
	var b strings.Builder
	b.WriteString("timestamp,temperature_c,humidity_pct\n")
	at := time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)
	for i := range 120 {
		b.WriteString(at.Add(time.Duration(i)*time.Minute).Format(time.RFC3339) + ",4.5,50\n")
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, mode := range [][]string{{"--alg", "ESP256", "--close"}, {"--unsigned"}} {
		id := "-" + name + mode[0][1:]
		var sum replay.Summary
		out := command(t, 0, append([]string{"replay", path, "--speed", "max", "--tracker", "T" + id, "--shipment", "S" + id, "--state", t.TempDir(), "--json"}, mode...)...)
		if err := json.Unmarshal(out, &sum); err != nil {
			t.Fatal(err)
		}
		if !sum.Complete || sum.Messages != 12 || sum.Stored < 12 || sum.Anchored != sum.Stored || sum.Verdict == "non_compliant" {
			t.Errorf("%v: complete %v with %d messages, %d stored, %d anchored, %s; want 12 and no breach", mode, sum.Complete, sum.Messages, sum.Stored, sum.Anchored, sum.Verdict)
		}
	}
}

func TestStackAttackCommand(t *testing.T) {
	command(t, 0, "attack")
}

// A fleet passes through all states. Stopped on its way it goes on where it was: no shipment twice, no position twice.
func TestStackFleet(t *testing.T) {
	name, _ := load.RunName("load")
	args := []string{"run", "--once", "--speed", "2000", "--shipments", "4", "--name", name + "-", "--state", t.TempDir()}
	var told strings.Builder
	for _, until := range []string{"created", "in transit", "delivered"} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		out := &stopAt{word: until, stop: cancel}
		if code := Main(ctx, append(args, "--stack", realStack(t), "--no-progress"), out, io.Discard); code != 0 {
			t.Fatalf("stopped at %q: exit code %d\n%s", until, code, out.String())
		}
		cancel()
		told.WriteString(out.String())
	}
	told.Write(command(t, 0, args...))
	if n := strings.Count(told.String(), "closed"); n != 4 {
		t.Errorf("%d shipments were closed, want 4:\n%s", n, told.String())
	}
	for _, word := range []string{"created", "in transit", "delivered", "door_open", "outage", "plain"} {
		if !strings.Contains(told.String(), word) {
			t.Errorf("the output does not tell of %q:\n%s", word, told.String())
		}
	}
	checkFleet(t, name)
}

// stopAt stops a command when its output holds a word.
type stopAt struct {
	bytes.Buffer
	word string
	stop func()
}

func (s *stopAt) Write(p []byte) (int, error) { // the fleet writes under a lock
	if bytes.Contains(p, []byte(s.word)) {
		s.stop()
	}
	return s.Buffer.Write(p)
}

// checkFleet looks at what the API shows of a fleet's first shipments.
func checkFleet(t *testing.T, name string) {
	t.Helper()
	s, err := scenario.ReadStack(realStack(t))
	if err != nil {
		t.Fatal(err)
	}
	carrier := s.Party("carrier")
	for n := 1; n <= 4; n++ {
		id := fmt.Sprintf("shipper.%s-S-%d-001", name, n)
		shipment, err := carrier.GetShipment(t.Context(), id)
		if err != nil || shipment.State != "closed" {
			t.Errorf("%s is %s, want closed: %v", id, shipment.State, err)
		}
		trust := client.MessageTrust("signed")
		if n == 4 {
			trust = "unsigned"
		}
		messages, seen := 0, map[string]bool{}
		for m, err := range carrier.Messages(t.Context(), id) {
			if err != nil {
				t.Fatal(err)
			}
			messages++
			if seen[m.Hash] || m.Trust != trust || slices.Contains(m.Flags, "fork") {
				t.Errorf("%s: %s message %d/%d of %s with flags %v, stored before: %v", id, m.Trust, m.Boot, m.Seq, m.Tracker, m.Flags, seen[m.Hash])
			}
			seen[m.Hash] = true
		}
		if messages < 5 {
			t.Errorf("%s has %d messages, want at least 5", id, messages)
		}
	}
}

func TestStackEnrol(t *testing.T) {
	name, _ := load.RunName("load")
	out := string(command(t, 0, "enrol", "--unsigned", name+"-p", "--state", t.TempDir()))
	if !strings.HasPrefix(out, "mosquitto_pub -h 127.0.0.1 -p ") || !strings.Contains(out, "/carrier."+name+"-p/json") {
		t.Error(out)
	}
	state := t.TempDir()
	command(t, 0, "enrol", name+"-t", "--state", state)
	out = string(command(t, 0, "password", "carrier."+name+"-t", "--key", filepath.Join(state, "carrier."+name+"-t.key.pem")))
	if strings.Count(out, ".") != 2 {
		t.Error(out)
	}
}
