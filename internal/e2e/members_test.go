package e2e

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// firm is an organisation that joins the running network by the commands of docs/operate/join.md, in a folder of its own and at an address of its
// own.
type firm struct {
	*stack // its own; the zero one before it has joined
	t      *testing.T
	hosts  *stack // the founders'
	name   string
	dir    string
	files  string // what the two sides hand over
}

// invite makes the firm's keys, has three founders approve it, and joins. At the end of the test the channel is as it was.
func invite(t *testing.T, hosts *stack, prefix string) *firm {
	t.Helper()
	name := fmt.Sprintf("%s%x", prefix, time.Now().UnixMilli()&0xffffffff)
	f := &firm{t: t, hosts: hosts, name: name, dir: filepath.Join(t.TempDir(), "firm"), files: t.TempDir()}
	t.Cleanup(func() {
		if t.Failed() {
			f.tell()
		}
		_, _ = f.try("down")
		hosts.network(t, "member", "evict", name) // done before when the test came so far
	})
	init := []string{"member", "init", name, "--display-name", "A firm that joins", "--host", "127.0.0.2", "--ports", "auto", "--ingest"}
	if hosts.CA != "" {
		init = append(init, "--tls")
	}
	f.run(init...)
	request := filepath.Join(f.files, "request.json")
	f.run("member", "request", "--out", request)
	for _, by := range []string{"shipper", "consignee", "auditor"} {
		hosts.network(t, "member", "approve", request, "--as", by, "--out", f.files)
	}
	f.run("member", "join", filepath.Join(f.files, name+".invitation.json"))
	raw, err := os.ReadFile(filepath.Join(f.dir, "stack.json"))
	if err != nil {
		t.Fatal(err)
	}
	own := *hosts
	own.API, own.Influx, own.Ingest, own.Processes = nil, nil, nil, nil
	if err := json.Unmarshal(raw, &own); err != nil {
		t.Fatal(err)
	}
	own.Dir = f.dir
	f.stack = &own
	return f
}

// try runs the launcher on the firm's folder.
func (f *firm) try(args ...string) (string, error) {
	program := os.Getenv("TRACKSEAL_NETWORK")
	if program == "" {
		f.t.Fatal("TRACKSEAL_NETWORK names no network program")
	}
	out, err := exec.Command(program, append(args, "--dir", f.dir)...).CombinedOutput()
	return string(out), err
}

func (f *firm) run(args ...string) string {
	f.t.Helper()
	out, err := f.try(args...)
	if err != nil {
		f.t.Fatalf("network %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// tell logs the ends of the firm's logs.
func (f *firm) tell() {
	logs, _ := filepath.Glob(filepath.Join(f.dir, "logs", "*.log"))
	for _, l := range logs {
		data, _ := os.ReadFile(l)
		f.t.Logf("%s:\n%s", filepath.Base(l), data[max(0, len(data)-2000):])
	}
}

// members as `network member list` tells of them.
func (s *stack) members(t *testing.T) (all []ledger.Member, endorsement string) {
	t.Helper()
	var answer struct {
		Members     []ledger.Member `json:"members"`
		Endorsement string          `json:"endorsement"`
	}
	out := s.network(t, "member", "list", "--json")
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		t.Fatalf("member list: %v in %s", err, out)
	}
	return answer.Members, answer.Endorsement
}

func (s *stack) member(t *testing.T, name string) ledger.Member {
	t.Helper()
	members, _ := s.members(t)
	i := slices.IndexFunc(members, func(m ledger.Member) bool { return m.Name == name })
	if i < 0 {
		t.Fatalf("no member %s in %+v", name, members)
	}
	return members[i]
}

// TestStackMembers: a fifth firm joins the running network, carries the second leg of a shipment with its own tracker at its own ingest, hands
// over, and leaves. The shipment's evidence passes before, during and after.
func TestStackMembers(t *testing.T) {
	s := load(t)
	policy := s.policy(t)
	carrier, shipper := s.api(t, "carrier"), s.api(t, "shipper")
	first := enrolOwn(t, s, carrier, name("LEG1"))

	f := invite(t, s, "haulier")
	if m := s.member(t, f.name); !m.InForce() || !m.Operator || m.Endpoints == nil || m.Endpoints.API != f.API[f.name].URL || m.Endpoints.MQTT != f.MQTT {
		t.Errorf("the members know the firm as %+v", m)
	}
	if _, endorsement := s.members(t); !strings.HasPrefix(endorsement, "3 of ") || !strings.Contains(endorsement, mspOf(f.name)) {
		t.Errorf("with five members, transactions are endorsed by %s", endorsement)
	}
	own := f.api(t, f.name)

	// The first leg is the carrier's.
	id := name("members")
	path := "/v1/shipments/" + id
	roles := map[string][]string{"carrier": {"carrier", f.name}, "shipper": {"shipper"}, "consignee": {"consignee"}, "auditor": {"auditor"}}
	carrier.post("/v1/shipments", map[string]any{"id": id, "rule_set": "general-2-8@1", "parties": roles}, nil)
	carrier.post(path+"/assignments", map[string]any{"tracker": first.id}, nil)
	leg := &trip{t: t, s: s, tr: first, id: id}
	leg.send(first.message(telemetry.Data), first.message(telemetry.Data))
	leg.anchored()

	nonce := []byte("asked of each")
	evidenceOf := func(a *api, messages uint64, good func(*evidence.Report) bool) {
		t.Helper()
		eventually(t, 90*time.Second, a.org+"'s evidence", func() (bool, string) {
			r, err := evidence.Verify(bytes.NewReader(a.download(path+"/evidence?nonce="+hex.EncodeToString(nonce))), policy, evidence.Options{Nonce: nonce})
			if err != nil {
				t.Fatal(err)
			}
			return good(r) && r.Facts.Messages == messages, fmt.Sprintf("%d messages, %+v %v", r.Facts.Messages, r.Verdicts, r.Findings)
		})
	}
	// What is on its way is neither complete nor judged for good.
	onItsWay := func(r *evidence.Report) bool {
		v := r.Verdicts
		return v.Authentic == evidence.Pass && v.Anchored == evidence.Pass && v.Final == evidence.Pass && v.Complete == evidence.Unknown && v.Compliant == evidence.Unknown
	}
	passes := func(r *evidence.Report) bool { return r.Exit() == evidence.ExitPass }
	evidenceOf(shipper, 2, onItsWay)

	// The second one is the firm's.
	second := enrolOwn(t, f.stack, own, nameOf(f.name, "LEG2"))
	own.post("/v1/trackers/"+second.id+"/serve", map[string]any{"operator": f.name}, nil)
	carrier.postSoon(path+"/handovers", map[string]any{"to": f.name})
	own.postSoon(path+"/handovers/current/accept", nil)
	own.postSoon(path+"/assignments", map[string]any{"tracker": second.id})
	second.publish(second.message(telemetry.Data))
	second.publish(second.message(telemetry.Data))
	eventually(t, 90*time.Second, "the firm's messages are anchored by its own instance", func() (bool, string) {
		list := all[messageItem](own, path+"/messages?limit=1000")
		n := 0
		for _, m := range list {
			if m.Tracker == second.id && m.Status == "anchored" {
				n++
			}
		}
		return n == 2, fmt.Sprintf("%+v", list)
	})

	evidenceOf(shipper, 4, onItsWay)
	evidenceOf(own, 4, onItsWay)

	own.postSoon(path+"/handovers", map[string]any{"to": "consignee"})
	consignee := s.api(t, "consignee")
	consignee.postSoon(path+"/handovers/current/accept", nil)
	consignee.postSoon(path+"/deliver", nil)
	own.postSoon(path+"/close", nil)
	for _, tr := range []*ownTracker{first, second} {
		tr.publish(tr.message(telemetry.Data)) // after it
	}
	evidenceOf(shipper, 4, passes)
	evidenceOf(own, 4, passes)

	// It leaves. What it did stays; it can do nothing more.
	f.run("member", "leave", "--retire")
	if m := s.member(t, f.name); m.InForce() || m.Ended.Why != ledger.Left {
		t.Errorf("after it has left the members know the firm as %+v", m)
	}
	s.network(t, "member", "evict", f.name)
	if _, endorsement := s.members(t); !strings.HasPrefix(endorsement, "2 of ") || strings.Contains(endorsement, mspOf(f.name)) {
		t.Errorf("with four members, transactions are endorsed by %s", endorsement)
	}
	evidenceOf(shipper, 4, passes)
}

// TestStackEvictedMember: an evicted member can neither write nor read anything new.
func TestStackEvictedMember(t *testing.T) {
	s := load(t)
	carrier := s.api(t, "carrier")
	f := invite(t, s, "evicted")
	own := f.api(t, f.name)
	id := name("evicted")
	roles := map[string][]string{"carrier": {"carrier", f.name}, "shipper": {"shipper"}, "consignee": {"consignee"}}
	carrier.post("/v1/shipments", map[string]any{"id": id, "rule_set": "general-2-8@1", "parties": roles}, nil)
	eventually(t, time.Minute, "the firm sees its shipment", func() (bool, string) {
		code, err := own.call(http.MethodGet, "/v1/shipments/"+id, nil, nil)
		return err == nil, fmt.Sprint(code, err)
	})
	s.network(t, "member", "evict", f.name)
	if m := s.member(t, f.name); m.InForce() || m.Ended.Why != ledger.Evicted {
		t.Errorf("the members know it as %+v", m)
	}
	// Its node may hold what was before. Nothing new comes, and nothing of it is taken: not of its own shipments, and not by its keys at others' peers.
	tr := enrolOwn(t, s, carrier, name("EV"))
	carrier.post("/v1/shipments/"+id+"/assignments", map[string]any{"tracker": tr.id}, nil)
	type record struct {
		Assignments []any `json:"assignments"`
	}
	var seen, stale record
	shipper := s.api(t, "shipper")
	eventually(t, time.Minute, "the shipper sees the assignment", func() (bool, string) {
		shipper.get("/v1/shipments/"+id, &seen)
		return len(seen.Assignments) == 1, fmt.Sprint(seen)
	})
	if _, err := own.call(http.MethodGet, "/v1/shipments/"+id, nil, &stale); err == nil && len(stale.Assignments) > 0 {
		t.Errorf("an evicted member sees what came of its shipment after: %+v", stale)
	}
	keys := f.ledger(t).op(f.name)
	for _, org := range []string{"carrier", "shipper", "consignee", "auditor"} {
		if raw, err := keys.EvaluateAt(t.Context(), org, ledger.ShipmentGet.Name(), ledger.IDArgs{ID: id}); err == nil {
			t.Errorf("the peer of %s tells an evicted member %s", org, raw)
		}
	}
	if r, err := keys.Submit(t.Context(), ledger.MemberAnnounce.Name(), ledger.AnnounceArgs{}); err == nil {
		t.Errorf("an evicted member's transaction %s is valid", r.TxID)
	}
	if code, err := own.call(http.MethodPost, "/v1/shipments", map[string]any{"id": nameOf(f.name, "S"), "rule_set": "general-2-8@1", "parties": map[string][]string{"carrier": {f.name}}}, nil); err == nil {
		t.Errorf("an evicted member makes a shipment: %d", code)
	}
	if code, err := own.call(http.MethodPost, "/v1/shipments/"+id+"/handovers", map[string]any{"to": "consignee"}, nil); err == nil {
		t.Errorf("an evicted member hands over: %d", code)
	}
}

func mspOf(name string) string { return strings.ToUpper(name[:1]) + name[1:] + "MSP" }
