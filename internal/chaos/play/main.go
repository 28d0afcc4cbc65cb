// Command play runs rows of the fault table on a stack and writes the page of what they gave. `make chaos` starts it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/trackseal/trackseal/internal/chaos"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ok, err := play(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

func play(ctx context.Context) (ok bool, err error) {
	dir := flag.String("stack", "", "folder of a running stack")
	network := flag.String("network", "", "the program that started it")
	rows := flag.String("rows", "", "numbers of rows, 1,4,10-12 (default: all that are run here)")
	seed := flag.Uint64("seed", rand.Uint64N(1<<32), "seed of faults, targets and pauses")
	length := flag.Duration("time", 45*time.Second, "load of each row")
	rate := flag.Float64("rate", 30, "messages per second")
	page := flag.String("page", "", "file to write the results to; only with all rows")
	flag.Parse()
	wanted, err := choose(*rows)
	if err != nil {
		return false, err
	}
	facts := chaos.Facts{
		Date: time.Now().UTC().Format(time.DateOnly), Commit: first("git", "rev-parse", "--short=12", "HEAD"), Machine: machine(), Versions: versions(), Busy: busy(), Seed: *seed,
		Replay: fmt.Sprintf(`CHAOS="-seed %d -time %s" make chaos`, *seed, *length), Load: chaos.Load{Trackers: 6, Rate: *rate, For: *length},
	}
	fmt.Printf("seed %d\n", *seed)
	stack, err := chaos.Open(ctx, *dir, *network)
	if err != nil {
		return false, err
	}
	run, err := chaos.NewRun(stack, *seed, facts.Load, os.Stdout)
	if err != nil {
		return false, err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Minute)
		defer cancel()
		if cerr := run.Close(closing); err == nil {
			err = cerr
		}
	}()
	fmt.Println("row 0: no fault")
	normal := run.Play(ctx, chaos.Row{Name: "no fault"})
	tell(os.Stdout, normal, *seed, *length)
	ok = normal.OK()
	var results []chaos.Result
	for _, row := range wanted {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		fmt.Printf("row %d: %s\n", row.Number, row.Name)
		r := run.Play(ctx, row)
		tell(os.Stdout, r, *seed, *length)
		ok = ok && r.OK()
		results = append(results, r)
	}
	if *page == "" || *rows != "" {
		return ok, nil
	}
	f, err := os.Create(*page)
	if err != nil {
		return ok, err
	}
	err = chaos.WritePage(f, facts, normal, results)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return ok, err
}

func tell(w io.Writer, r chaos.Result, seed uint64, length time.Duration) {
	fmt.Fprintf(w, "  %d injected in %s: %d sent, %d acknowledged, %d lost, %d doubled, %d phantom, %d late\n",
		len(r.Injected), r.Took.Round(time.Second), r.Sent, r.Acked, r.Lost, r.Doubled, r.Phantom, r.Late)
	if r.OK() {
		return
	}
	for _, f := range r.Findings {
		fmt.Fprintln(w, "  ", f)
	}
	if r.Err != nil {
		fmt.Fprintln(w, "  ", r.Err)
	}
	fmt.Fprintf(w, "  again: CHAOS=\"-rows %d -seed %d -time %s\" make chaos\n", r.Row.Number, seed, length)
}

// choose reads numbers and ranges of rows.
func choose(text string) ([]chaos.Row, error) {
	var wanted []chaos.Row
	for _, row := range chaos.Rows {
		in := text == ""
		for _, part := range strings.Split(text, ",") {
			if part == "" {
				continue
			}
			from, to, isRange := strings.Cut(part, "-")
			if !isRange {
				to = from
			}
			a, err := strconv.Atoi(from)
			if err != nil {
				return nil, fmt.Errorf("-rows %q: write numbers, such as 1,4,10-12", text)
			}
			b, err := strconv.Atoi(to)
			if err != nil {
				return nil, fmt.Errorf("-rows %q: write numbers, such as 1,4,10-12", text)
			}
			in = in || a <= row.Number && row.Number <= b
		}
		if in && len(row.Faults) > 0 {
			wanted = append(wanted, row)
		}
	}
	if len(wanted) == 0 {
		return nil, fmt.Errorf("-rows %q: none of them is run here; docs/faults.md tells which tests hold them", text)
	}
	return wanted, nil
}

// machine describes this one.
func machine() string {
	memory := "memory unknown"
	if raw, err := os.ReadFile("/proc/meminfo"); err == nil {
		if m := regexp.MustCompile(`MemTotal:\s+(\d+) kB`).FindSubmatch(raw); m != nil {
			kib, _ := strconv.Atoi(string(m[1]))
			memory = fmt.Sprintf("%d GiB", kib>>20)
		}
	}
	model := runtime.GOARCH
	if raw, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if m := regexp.MustCompile(`model name\s*: (.*)`).FindSubmatch(raw); m != nil {
			model = strings.TrimSpace(string(m[1]))
		}
	}
	return fmt.Sprintf("%d cores (%s), %s, %s %s", runtime.NumCPU(), model, memory, runtime.GOOS, first("uname", "-r"))
}

// busy says so when others use the machine as well: before the first row the stack itself is idle.
func busy() string {
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	minutes := strings.Fields(string(raw))
	if load, err := strconv.ParseFloat(minutes[0], 64); err != nil || load < float64(runtime.NumCPU()) {
		return ""
	}
	return fmt.Sprintf("the machine was busy with other work at the start (load averages %s): recoveries took longer than on a quiet one", strings.Join(minutes[:3], " "))
}

// versions of what runs, by the module files that it is built from.
func versions() string {
	all := []string{runtime.Version()}
	for _, of := range []struct{ name, file, module string }{
		{"Fabric", "network/servers/fabric/go.mod", `hyperledger/fabric (v\S+)`},
		{"SmartBFT", "network/servers/fabric/go.mod", `SmartBFT (v\S+)`},
		{"InfluxDB", "network/servers/influxdb/go.mod", `influxdata/influxdb (v\S+)`},
		{"Pebble", "go.mod", `pebble/v2 (v\S+)`},
	} {
		raw, err := os.ReadFile(of.file)
		if err != nil {
			continue
		}
		if m := regexp.MustCompile(of.module).FindSubmatch(raw); m != nil {
			all = append(all, of.name+" "+string(m[1]))
		}
	}
	return strings.Join(all, ", ")
}

func first(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
