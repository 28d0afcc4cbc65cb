// Command gotest runs `go test -json` with the arguments given, prints a line for each package and the whole output of what
// failed, and ends with "N passed, N failed, N skipped". A test that skips is named with its reason; with -strict a skip
// fails the run unless its reason holds one of the -allow texts.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"sort"
	"strings"
)

type event struct {
	Action  string
	Package string
	Test    string
	Elapsed float64
	Output  string
}

func main() {
	strict := flag.Bool("strict", false, "a skipped test is a failure")
	allow := flag.String("allow", "", "comma-separated texts of reasons for which a skip is fine")
	flag.Parse()
	os.Exit(run(*strict, strings.Split(*allow, ","), flag.Args()))
}

// slow is from how many seconds on a test that passed is named: these are what a run's time is made of.
const slow = 15

func run(strict bool, allow, args []string) int {
	cmd := exec.Command("go", append([]string{"test", "-json", "-vet=off"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		return 2
	}
	output := map[string][]string{} // by package/test
	var passed, failed int
	var skips, broken []string
	s := bufio.NewScanner(out)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var e event
		if json.Unmarshal(s.Bytes(), &e) != nil {
			fmt.Println(s.Text())
			continue
		}
		key := e.Package + " " + e.Test
		switch e.Action {
		case "output", "build-output":
			output[key] = append(output[key], e.Output)
		case "pass":
			if e.Test != "" {
				passed++
				if e.Elapsed >= slow && !strings.Contains(e.Test, "/") {
					fmt.Printf("slow %6.1fs  %s %s\n", e.Elapsed, e.Package, e.Test)
				}
				delete(output, key)
			} else {
				fmt.Printf("ok    %6.1fs  %s\n", e.Elapsed, e.Package)
			}
		case "fail":
			if e.Test != "" {
				failed++
				fmt.Printf("FAIL  %6.1fs  %s\n%s", e.Elapsed, key, strings.Join(output[key], ""))
				delete(output, key)
			} else {
				broken = append(broken, e.Package)
				// A test that never ended was running when its program died: what it printed says why.
				for _, running := range unfinished(output, key) {
					fmt.Printf("DIED  %s\n%s", running, strings.Join(output[running], ""))
					delete(output, running)
				}
				fmt.Printf("FAIL  %6.1fs  %s\n%s", e.Elapsed, e.Package, strings.Join(output[key], ""))
			}
		case "build-fail":
			fmt.Print(strings.Join(output[key], ""))
		case "skip":
			if e.Test != "" {
				skips = append(skips, key+": "+reason(output[key]))
				delete(output, key)
			}
		}
	}
	waitErr := cmd.Wait()
	sort.Strings(skips)
	bad := 0
	for _, skip := range skips {
		fine := !strict
		for _, a := range allow {
			fine = fine || a != "" && strings.Contains(skip, a)
		}
		if !fine {
			bad++
			fmt.Println("SKIP  not allowed here:", skip)
		} else {
			fmt.Println("skip ", skip)
		}
	}
	for _, p := range broken {
		fmt.Println("FAIL ", p)
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", passed, failed+bad, len(skips)-bad)
	if waitErr != nil || failed+bad > 0 {
		return 1
	}
	return 0
}

// unfinished are the keys of a package's tests that neither passed, failed nor skipped.
func unfinished(output map[string][]string, of string) []string {
	var keys []string
	for key := range output {
		if key != of && strings.HasPrefix(key, of) {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	return keys
}

// reason is the line that t.Skip printed.
func reason(lines []string) string {
	for _, l := range lines {
		l = strings.TrimSpace(l)
		if l != "" && !strings.HasPrefix(l, "===") && !strings.HasPrefix(l, "---") {
			return l
		}
	}
	return "no reason given"
}
