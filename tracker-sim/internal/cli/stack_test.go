package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/tracker-sim/internal/load"
	"github.com/trackseal/trackseal/tracker-sim/internal/replay"
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
		t.Errorf("%+v", sum)
	}
}

func TestStackReplay(t *testing.T) {
	name, _ := load.RunName()
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
			t.Errorf("%v: %+v", mode, sum)
		}
	}
}

func TestStackAttackCommand(t *testing.T) {
	command(t, 0, "attack")
}

func TestStackFleet(t *testing.T) {
	name, _ := load.RunName()
	out := string(command(t, 0, "run", "--once", "--speed", "2000", "--shipments", "4", "--name", name+"-", "--state", t.TempDir()))
	if n := strings.Count(out, "closed"); n != 4 {
		t.Errorf("%d shipments were closed:\n%s", n, out)
	}
}

func TestStackEnrol(t *testing.T) {
	name, _ := load.RunName()
	out := string(command(t, 0, "enrol", "--unsigned", name+"-p", "--state", t.TempDir()))
	if !strings.HasPrefix(out, "mosquitto_pub -h 127.0.0.1 -p ") || !strings.Contains(out, "/"+name+"-p/json") {
		t.Error(out)
	}
	state := t.TempDir()
	command(t, 0, "enrol", name+"-t", "--state", state)
	out = string(command(t, 0, "password", name+"-t", "--key", filepath.Join(state, name+"-t.key.pem")))
	if strings.Count(out, ".") != 2 {
		t.Error(out)
	}
}
