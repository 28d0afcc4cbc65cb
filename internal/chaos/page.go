package chaos

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Facts are what a page says of where and when its figures were taken.
type Facts struct {
	Date     string
	Commit   string
	Machine  string
	Versions string
	Busy     string // what else the machine did; "" = nothing
	Seed     uint64
	Replay   string // the command
	Load     Load
}

// WritePage writes docs/faults.md: what was measured, and where every row of the table is held.
func WritePage(w io.Writer, f Facts, normal Result, results []Result) error {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("# What breaks, and what then holds\n")
	p("The fault table: 30 kinds of faults, what must hold, and what shows it. Rows with figures were injected into a whole real stack, with four")
	p("organisations, under load. This page is written by `make chaos`; edit `internal/chaos`, not the page.\n")
	p("- %s, commit %s, seed %d. The same again: `%s`", f.Date, f.Commit, f.Seed, f.Replay)
	p("- machine: %s", f.Machine)
	p("- versions: %s", f.Versions)
	if f.Busy != "" {
		p("- %s", f.Busy)
	}
	p("- load of each row: %d trackers, %.0f messages/s, for %s and as long as its faults take\n", f.Load.Trackers, f.Load.Rate, f.Load.For)
	p("**Lost**: acknowledged, and missing, without a leaf or above the last anchor in any of four views: the REST API, the points in InfluxDB, the leaves")
	p("in evidence that the offline verifier accepts, and the copy of another member. **Doubled**: there more than once. **Phantom**: there, and never sent, or")
	p("with other bytes. The oracle is the senders' own synced journal. **Recovery**: from the end of the fault until all that was sent by then is")
	p("acknowledged, and until it is stored and anchored on the ledger. An anchor is due every 10 s, so without a fault the latter takes %s A row", spread(normal, anchored)+".")
	p("holds only when ingest and the APIs do not keep goroutines, files or memory of it, and all processes are ready and all nodes level at its end.\n")
	p("## Injected\n")
	p("| # | fault | injected | sent | lost | doubled | phantom | acknowledged again, p50 / p99 | anchored, p50 / p99 | holds |")
	p("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, r := range results {
		p("| %d | %s | %d | %d | %d | %d | %d | %s | %s | %s |", r.Row.Number, r.Row.Name, len(r.Injected), r.Sent, r.Lost, r.Doubled, r.Phantom,
			spread(r, acked), spread(r, anchored), verdict(r))
	}
	p("\nRecovery of each kind of fault, slowest first:\n")
	p("| fault | times | acknowledged again, p50 / p99 | anchored, p50 / p99 |")
	p("| --- | --- | --- | --- |")
	for _, k := range kinds(results) {
		p("| %s | %d | %s | %s |", k.Recoveries[0].Fault, len(k.Recoveries), spread(k, acked), spread(k, anchored))
	}
	p("\n## Where every row is held\n")
	p("| # | fault | what must hold | run here | held by | not done, because |")
	p("| --- | --- | --- | --- | --- | --- |")
	for _, row := range Rows {
		var here []string
		for _, fault := range row.Faults {
			here = append(here, fault.String())
		}
		p("| %d | %s | %s | %s | %s | %s |", row.Number, row.Name, row.Holds, or(strings.Join(here, "; "), "–"), or(code(row.By), "–"), or(row.Not, "–"))
	}
	if notes := notes(results); len(notes) > 0 {
		p("\n## Notes\n")
		for _, n := range notes {
			p("- %s", n)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func acked(r Recovery) time.Duration    { return r.Acked }
func anchored(r Recovery) time.Duration { return r.Anchored }

// spread is median and 99th percentile in seconds.
func spread(r Result, of func(Recovery) time.Duration) string {
	if len(r.Recoveries) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f / %.1f s", quantile(r.Recoveries, of, 0.5).Seconds(), quantile(r.Recoveries, of, 0.99).Seconds())
}

// quantile is the smallest value that so large a share does not exceed.
func quantile(rs []Recovery, of func(Recovery) time.Duration, q float64) time.Duration {
	var all []time.Duration
	for _, r := range rs {
		all = append(all, of(r))
	}
	slices.Sort(all)
	i := int(float64(len(all))*q+0.999999) - 1
	return all[max(0, min(i, len(all)-1))]
}

func verdict(r Result) string {
	switch {
	case r.OK() && r.Row.Why != "":
		return fmt.Sprintf("yes, within %s", r.Row.bound())
	case r.OK():
		return "yes"
	case r.Err != nil:
		return "not judged"
	case r.Lost+r.Doubled+r.Phantom == 0 && len(r.Findings) == 0:
		return fmt.Sprintf("late: %d above %s", r.Late, r.Row.bound())
	}
	return "**no**"
}

// kinds puts recoveries of one verb at one kind of target together, whatever row they are of.
func kinds(results []Result) []Result {
	byKind := map[string][]Recovery{}
	for _, r := range results {
		for _, rec := range r.Recoveries {
			rec.Fault = kindOf(rec.Fault)
			byKind[rec.Fault] = append(byKind[rec.Fault], rec)
		}
	}
	var all []Result
	for _, rs := range byKind {
		all = append(all, Result{Recoveries: rs})
	}
	slices.SortFunc(all, func(a, b Result) int {
		return int(quantile(b.Recoveries, anchored, 0.99) - quantile(a.Recoveries, anchored, 0.99))
	})
	return all
}

// kindOf leaves out whose process it was.
func kindOf(fault string) string {
	words := strings.Fields(fault)
	var kind []string
	for _, w := range words {
		for _, process := range []string{"orderer-", "peer-", "chaincode-", "influxdb-", "api-", "ingest-orderer-", "ingest-peer-"} {
			if strings.HasPrefix(w, process) && w != linkReading {
				w = strings.TrimSuffix(process, "-")
			}
		}
		if i := slices.Index(kind, w); i < 0 {
			kind = append(kind, w)
		}
	}
	return strings.Join(kind, " ")
}

func notes(results []Result) []string {
	var all []string
	for _, r := range results {
		if r.Row.Why != "" {
			all = append(all, fmt.Sprintf("Row %d may take up to %s: %s.", r.Row.Number, r.Row.bound(), r.Row.Why))
		}
		for _, left := range r.Left {
			all = append(all, fmt.Sprintf("Row %d: %s.", r.Row.Number, left))
		}
		if r.Err != nil {
			all = append(all, fmt.Sprintf("Row %d could not be judged: %s.", r.Row.Number, strings.ReplaceAll(r.Err.Error(), "\n", "; ")))
		}
		for _, f := range r.Findings {
			all = append(all, fmt.Sprintf("Row %d: %s.", r.Row.Number, f))
		}
	}
	return all
}

func code(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "`" + strings.Join(names, "` `") + "`"
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
