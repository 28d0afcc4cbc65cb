// Command fuzz runs every fuzz target of the checkout for a while, several at a time with one worker each, and ends with a
// line for each target. Targets below -deep get the time -long, all others -short.
//
// What is a failure: a target that fails, with or without an input that Go kept. What is not: Go's fuzzer sometimes ends with
// "context deadline exceeded" when its time is over (golang/go#75804), which says nothing about the target; that is told by
// nothing else being said and no input kept. A worker that the system killed (memory) is tried once more.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

var (
	long  = flag.Duration("long", time.Minute, "time of each target below -deep")
	short = flag.Duration("short", 10*time.Second, "time of each other target")
	deep  = flag.String("deep", "internal/evidence", "folder whose targets get the long time")
	jobs  = flag.Int("jobs", 2, "targets at a time")
	dir   = flag.String("dir", "", "folder for test programs and the inputs found on the way; made anew")
)

// target is one fuzz function.
type target struct {
	pkg, name string // folder, function
	time      time.Duration
}

func (t target) String() string { return t.pkg + " " + t.name }

func main() {
	flag.Parse()
	if *dir == "" {
		fmt.Fprintln(os.Stderr, "fuzz: -dir is missing")
		os.Exit(2)
	}
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

var function = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

// targets in the checkout's files; what `up` and npm make holds none.
func targets() ([]target, error) {
	var all []target
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{".git", ".trackseal", "node_modules"}, d.Name()) {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(file, "_test.go") {
			return nil
		}
		src, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, m := range function.FindAllSubmatch(src, -1) {
			t := target{pkg: filepath.Dir(file), name: string(m[1]), time: *short}
			if t.pkg == *deep || strings.HasPrefix(t.pkg, *deep+"/") {
				t.time = *long
			}
			all = append(all, t)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	// The long ones first, so that both workers end at about the same time.
	slices.SortStableFunc(all, func(a, b target) int { return int(b.time - a.time) })
	return all, nil
}

func run(ctx context.Context) error {
	all, err := targets()
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return errors.New("no fuzz targets here")
	}
	if *dir, err = filepath.Abs(*dir); err != nil {
		return err
	}
	// Inputs of earlier runs would have to be tried again before anything new is.
	if err := errors.Join(os.RemoveAll(*dir), os.MkdirAll(*dir, 0o755)); err != nil {
		return err
	}
	begun := time.Now()
	for _, t := range all {
		if err := t.build(ctx); err != nil {
			return err
		}
	}
	fmt.Printf("%d targets, test programs built in %s\n", len(all), time.Since(begun).Round(time.Second))

	queue := make(chan target, len(all))
	for _, t := range all {
		queue <- t
	}
	close(queue)
	var mu sync.Mutex
	failed := 0
	var wg sync.WaitGroup
	for range *jobs {
		wg.Go(func() {
			for t := range queue {
				r := t.fuzz(ctx)
				if r.err == nil && r.again {
					r = t.fuzz(ctx)
				}
				mu.Lock()
				fmt.Print(r.say(t))
				if r.err != nil || r.again {
					failed++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if failed > 0 {
		return fmt.Errorf("%d of %d targets failed", failed, len(all))
	}
	return nil
}

func (t target) program() string {
	return filepath.Join(*dir, strings.ReplaceAll(t.pkg, "/", "_")+".test")
}

// build compiles a package's tests with the fuzzer's counters, once.
func (t target) build(ctx context.Context) error {
	if _, err := os.Stat(t.program()); err == nil {
		return nil
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-fuzz=.", "-o", t.program(), ".")
	cmd.Dir = t.pkg // the package may be of another module
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", t.pkg, err, out)
	}
	return nil
}

// result of one target.
type result struct {
	took  time.Duration
	execs string
	note  string // what went wrong around the target, not in it
	again bool   // worth one more try
	err   error
	out   []byte
}

func (r result) say(t target) string {
	switch {
	case r.err != nil:
		return fmt.Sprintf("FAIL  %5.0fs  %s: %v\n%s", r.took.Seconds(), t, r.err, r.out)
	case r.again:
		return fmt.Sprintf("FAIL  %5.0fs  %s: twice: %s\n%s", r.took.Seconds(), t, r.note, r.out)
	case r.note != "":
		return fmt.Sprintf("ok    %5.0fs  %s: %s runs (%s)\n", r.took.Seconds(), t, r.execs, r.note)
	}
	return fmt.Sprintf("ok    %5.0fs  %s: %s runs\n", r.took.Seconds(), t, r.execs)
}

// grace is what a target gets beyond its time, to run its seeds and to stop.
const grace = 3 * time.Minute

func (t target) fuzz(ctx context.Context) result {
	ctx, cancel := context.WithTimeout(ctx, t.time+grace)
	defer cancel()
	kept := t.inputs()
	begun := time.Now()
	// Minimising an interesting input of the size of a bundle would take all the time, so it is switched off.
	cmd := exec.CommandContext(ctx, t.program(), "-test.run=^$", "-test.fuzz=^"+t.name+"$", "-test.fuzztime="+t.time.String(),
		"-test.fuzzminimizetime=1x", "-test.parallel=1", "-test.fuzzcachedir="+filepath.Join(*dir, "inputs", filepath.FromSlash(t.pkg)))
	cmd.Dir = t.pkg
	cmd.Env = append(os.Environ(), "GOMEMLIMIT=1GiB")
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	r := result{took: time.Since(begun), execs: execs(out), out: out}
	fresh := slices.DeleteFunc(t.inputs(), func(f string) bool { return slices.Contains(kept, f) })
	switch {
	case len(fresh) > 0:
		r.err = fmt.Errorf("a failing input, kept in %s", strings.Join(fresh, ", "))
	case ctx.Err() != nil:
		r.err = errors.New("it did not end")
	case err == nil:
	case onlyDeadline(out):
		r.note = "Go's fuzzer did not stop in time: golang/go#75804"
	case bytes.Contains(out, []byte("terminated by unexpected signal; no crash will be recorded")):
		r.note, r.again = "its worker was killed", true
	default:
		r.err = err
	}
	return r
}

// inputs are the failing inputs that are kept for a target.
func (t target) inputs() []string {
	found, _ := filepath.Glob(filepath.Join(t.pkg, "testdata", "fuzz", t.name, "*"))
	return found
}

var (
	counted = regexp.MustCompile(`execs: (\d+)`)
	failure = regexp.MustCompile(`(?m)^\s*--- FAIL: \w+ \([0-9.]+s\)\n\s+context deadline exceeded\n(FAIL\n|exit status \d+\n)*\z`)
)

func execs(out []byte) string {
	all := counted.FindAllSubmatch(out, -1)
	if len(all) == 0 {
		return "0"
	}
	return string(all[len(all)-1][1])
}

// onlyDeadline: the one thing that is said after the progress lines is that the time was over.
func onlyDeadline(out []byte) bool {
	i := bytes.Index(out, []byte("--- FAIL"))
	return i >= 0 && failure.Match(out[i:]) && !bytes.Contains(out, []byte("panic:")) && !bytes.Contains(out, []byte("Failing input"))
}
