package audit

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/api/internal/state"
)

// kept is a log over a folder that survives.
type kept struct {
	t      *testing.T
	dir    string
	store  *state.Store
	tenant *state.Tenant
	clock  time.Time
	*Log
}

func newKept(t *testing.T) *kept {
	t.Helper()
	k := &kept{t: t, dir: t.TempDir(), clock: time.Date(2026, 11, 30, 10, 0, 0, 0, time.UTC)}
	k.open()
	t.Cleanup(k.close)
	return k
}

func (k *kept) open() {
	k.t.Helper()
	var err error
	if k.store, err = state.Open(k.dir); err != nil {
		k.t.Fatal(err)
	}
	k.tenant = k.store.Tenant("audit")
	if k.Log, err = Open(k.tenant, func() time.Time { return k.clock }); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kept) close() {
	if err := k.store.Close(); err != nil {
		k.t.Error(err)
	}
}

func (k *kept) change(path string) {
	k.t.Helper()
	e, err := k.Begin(Record{Path: path, Subject: "ana"})
	if err == nil {
		_, err = e.End(Record{Path: path, Subject: "ana", Status: 201, Tx: []string{"t"}})
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

func (k *kept) refuse(subject string) uint64 {
	k.t.Helper()
	n, err := k.Refuse(Record{Subject: subject, Status: 403})
	if err != nil {
		k.t.Fatal(err)
	}
	return n
}

// lines is an export from record n on.
func (k *kept) lines(n uint64) string {
	k.t.Helper()
	var b bytes.Buffer
	if err := k.From(n, func(line []byte) error {
		b.Write(line)
		return b.WriteByte('\n')
	}); err != nil {
		k.t.Fatal(err)
	}
	return b.String()
}

// TestChain: whatever is done to a record shows at the next one, and an end that was cut off shows to who kept the last line.
func TestChain(t *testing.T) {
	k := newKept(t)
	for i := range 3 {
		k.change(fmt.Sprint("/", i))
		k.refuse("ana")
	}
	k.close()
	k.open()
	k.change("/after")
	all := k.lines(1)
	last, end, err := Check(strings.NewReader(all), "")
	if err != nil || last.N != 7 || last.Path != "/after" {
		t.Fatalf("the whole log: last %+v, %v; want 7 records", last, err)
	}
	line := strings.SplitAfter(all, "\n")
	// A later export goes on from the last line that was kept.
	k.change("/later")
	if more, _, err := Check(strings.NewReader(k.lines(8)), end); err != nil || more.N != 8 {
		t.Errorf("the next export: %+v, %v; want record 8", more, err)
	}
	for what, bent := range map[string]string{
		"a record changed":        strings.Replace(all, `"path":"/1"`, `"path":"/9"`, 1),
		"a record taken out":      strings.Join([]string{line[0], line[1], line[3], line[4], line[5], line[6]}, ""),
		"the first one taken out": strings.Join(line[1:], ""),
		"two exchanged":           strings.Join([]string{line[0], line[2], line[1], line[3], line[4], line[5], line[6]}, ""),
		"one given twice":         line[0] + all,
		"no JSON":                 line[0] + "x\n",
	} {
		if _, _, err := Check(strings.NewReader(bent), ""); err == nil {
			t.Errorf("%s: no fault found", what)
		}
	}
	// Cut off at its end and written anew: the log by itself looks whole, the line that was kept contradicts it.
	if err := k.tenant.Delete(recordKey(8)); err != nil {
		t.Fatal(err)
	}
	if err := k.tenant.Delete(recordKey(7)); err != nil {
		t.Fatal(err)
	}
	k.close()
	k.open()
	k.change("/another")
	k.change("/yet another")
	if _, _, err := Check(strings.NewReader(k.lines(1)), ""); err != nil {
		t.Errorf("the new end: %v", err)
	}
	if _, _, err := Check(strings.NewReader(k.lines(8)), end); err == nil {
		t.Error("a new end passes as what follows the kept line")
	}
}

// TestInterrupted: a process that ends between a change and its outcome leaves a record of who began it.
func TestInterrupted(t *testing.T) {
	k := newKept(t)
	if _, err := k.Begin(Record{Path: "/v1/shipments", Subject: "ana", Client: "page", Request: "r1"}); err != nil {
		t.Fatal(err)
	}
	k.close()
	k.clock = k.clock.Add(time.Hour)
	k.open()
	page, err := k.Page(1, 10)
	if err != nil || len(page) != 1 {
		t.Fatalf("%+v, %v; want one record", page, err)
	}
	if r := page[0]; r.Kind != Interrupted || r.Subject != "ana" || r.Request != "r1" || r.Began != "2026-11-30T10:00:00.000Z" || r.Time != "2026-11-30T11:00:00.000Z" {
		t.Errorf("%+v, want an interrupted change of ana, begun at 10", r)
	}
	k.close()
	k.open()
	if page, err = k.Page(1, 10); err != nil || len(page) != 1 {
		t.Errorf("after another start: %+v, %v; want the same record", page, err)
	}
}

// TestRefusalsAreBounded: a flood of refusals fills no disk, and one without a token hides none of those with one.
func TestRefusalsAreBounded(t *testing.T) {
	k := newKept(t)
	for range 1000 {
		k.refuse("")
	}
	if k.n != refusalsBurst {
		t.Fatalf("%d records of 1000 refusals, want %d", k.n, refusalsBurst)
	}
	if k.refuse("ana") == 0 {
		t.Error("a refusal of somebody with a token was not recorded")
	}
	k.clock = k.clock.Add(2 * time.Second)
	n := k.refuse("")
	page, err := k.Page(n, 1)
	if err != nil || len(page) != 1 || page[0].More != 1000-refusalsBurst {
		t.Fatalf("%+v, %v; want a record that counts the %d others", page, err, 1000-refusalsBurst)
	}
}

func TestPages(t *testing.T) {
	k := newKept(t)
	for range 5 {
		k.change("/")
	}
	for from, want := range map[uint64]int{1: 3, 4: 2, 6: 0} {
		page, err := k.Page(from, 3)
		if err != nil || len(page) != want || want > 0 && page[0].N != from {
			t.Errorf("from %d: %+v, %v; want %d records", from, page, err, want)
		}
	}
}
