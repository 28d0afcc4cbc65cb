package channelconfig

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// founded is the configuration that four members were founded with, its certificates replaced by short words.
func founded(t *testing.T, consensus string) Config {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", consensus+".json"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := FromBlock(data)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func msps(t *testing.T, all []Organisation, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range all {
		names = append(names, o.MSP)
	}
	return strings.Join(names, " ")
}

func fifth() Organisation {
	return Organisation{MSP: "HaulierMSP", Roots: "root\n", TLSRoots: "tls root\n", Addresses: []string{"10.0.0.5:7051"}}
}

func TestReads(t *testing.T) {
	c := founded(t, "bft")
	all, err := c.Members()
	if got, want := msps(t, all, err), "AuditorMSP CarrierMSP ConsigneeMSP ShipperMSP"; got != want {
		t.Errorf("members: got %s, expected %s", got, want)
	}
	if want := []string{"127.0.0.1:7051"}; !slices.Equal(all[1].Addresses, want) {
		t.Errorf("the carrier's peers: got %v, expected %v", all[1].Addresses, want)
	}
	if !strings.HasPrefix(all[1].TLSRoots, "certificate ") || all[1].TLSRoots == all[1].Roots {
		t.Errorf("the carrier's roots: got %q and %q", all[1].Roots, all[1].TLSRoots)
	}
	orderers, err := c.Orderers()
	if got, want := msps(t, orderers, err), "AuditorOrdererMSP CarrierOrdererMSP ConsigneeOrdererMSP ShipperOrdererMSP"; got != want {
		t.Errorf("orderers: got %s, expected %s", got, want)
	}
	if want := []string{"127.0.0.1:7050"}; !slices.Equal(orderers[1].Addresses, want) {
		t.Errorf("the carrier's orderers: got %v, expected %v", orderers[1].Addresses, want)
	}
	if got, want := c.BlockQuorum(), "3 of CarrierOrdererMSP, ShipperOrdererMSP, ConsigneeOrdererMSP, AuditorOrdererMSP"; got != want {
		t.Errorf("blocks: got %s, expected %s", got, want)
	}
}

func TestAdmit(t *testing.T) {
	c := founded(t, "bft")
	before, _ := c.JSON()
	next, err := c.Admit(fifth())
	if err != nil {
		t.Fatal(err)
	}
	if after, _ := c.JSON(); !slices.Equal(before, after) {
		t.Error("the configuration before was changed")
	}
	all, err := next.Members()
	if got, want := msps(t, all, err), "AuditorMSP CarrierMSP ConsigneeMSP HaulierMSP ShipperMSP"; got != want {
		t.Errorf("members: got %s, expected %s", got, want)
	}
	if !reflect.DeepEqual(all[3], fifth()) {
		t.Errorf("the new member: got %+v, expected %+v", all[3], fifth())
	}
	if got, want := next.Endorsement(), "3 of AuditorMSP, CarrierMSP, ConsigneeMSP, HaulierMSP, ShipperMSP"; got != want {
		t.Errorf("endorsement: got %s, expected %s", got, want)
	}
	if got, want := next.Lifecycle(), "3 of AuditorMSP, CarrierMSP, ConsigneeMSP, HaulierMSP, ShipperMSP"; got != want {
		t.Errorf("lifecycle: got %s, expected %s", got, want)
	}
	// A group of its own is made as configtxgen made the founders'.
	shape := func(g *group) string {
		data, err := json.Marshal(g)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(data, &v); err != nil {
			t.Fatal(err)
		}
		return shapeOf(v)
	}
	if got, want := shape(next.members()["HaulierMSP"]), shape(next.members()["CarrierMSP"]); got != want {
		t.Errorf("the new member's group has another shape than a founder's:\n%s\n%s", got, want)
	}
	if _, err := next.Admit(fifth()); !errors.Is(err, ErrMember) {
		t.Errorf("twice: got %v, expected ErrMember", err)
	}
	for _, at := range []string{"nowhere", ":7051", "host:0", "host:70000"} {
		o := fifth()
		o.Addresses = []string{at}
		if _, err := c.Admit(o); err == nil {
			t.Errorf("a peer at %q was taken", at)
		}
	}
}

// shapeOf names the members of nested objects, without what they hold.
func shapeOf(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var all []string
		for k, e := range v {
			all = append(all, k+shapeOf(e))
		}
		slices.Sort(all)
		return "{" + strings.Join(all, " ") + "}"
	case []any:
		var all []string
		for _, e := range v {
			all = append(all, shapeOf(e))
		}
		return "[" + strings.Join(all, " ") + "]"
	}
	return ""
}

func TestClientMember(t *testing.T) {
	o := fifth()
	o.Addresses = nil
	next, err := founded(t, "bft").Admit(o)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := next.Endorsement(), "2 of AuditorMSP, CarrierMSP, ConsigneeMSP, ShipperMSP"; got != want {
		t.Errorf("endorsement: got %s, expected %s", got, want)
	}
}

func TestEvict(t *testing.T) {
	for _, consensus := range []string{"bft", "raft"} {
		t.Run(consensus, func(t *testing.T) {
			c := founded(t, consensus)
			with, err := c.Admit(fifth())
			if err != nil {
				t.Fatal(err)
			}
			// One that joined runs no orderer: what is left is what was before, but for the policies.
			without, err := with.Evict("HaulierMSP", "HaulierOrdererMSP")
			if err != nil {
				t.Fatal(err)
			}
			if got, want := without.Endorsement(), "2 of AuditorMSP, CarrierMSP, ConsigneeMSP, ShipperMSP"; got != want {
				t.Errorf("endorsement: got %s, expected %s", got, want)
			}
			if _, err := without.Evict("HaulierMSP", ""); !errors.Is(err, ErrNoMember) {
				t.Errorf("twice: got %v, expected ErrNoMember", err)
			}
			// A founder goes with its orderer.
			three, err := with.Evict("ShipperMSP", "ShipperOrdererMSP")
			if err != nil {
				t.Fatal(err)
			}
			orderers, err := three.Orderers()
			if got, want := msps(t, orderers, err), "AuditorOrdererMSP CarrierOrdererMSP ConsigneeOrdererMSP"; got != want {
				t.Errorf("orderers: got %s, expected %s", got, want)
			}
			if text, _ := three.JSON(); strings.Contains(string(text), "ShipperMSP") || strings.Contains(string(text), "ShipperOrdererMSP") || strings.Contains(string(text), "7060") {
				t.Error("the configuration still names the shipper")
			}
			if got, want := three.BlockQuorum(), "2 of CarrierOrdererMSP, ConsigneeOrdererMSP, AuditorOrdererMSP"; consensus == "bft" && got != want {
				t.Errorf("blocks: got %s, expected %s", got, want)
			}
			if _, err := three.Evict("CarrierMSP", "CarrierOrdererMSP"); !errors.Is(err, ErrOrderers) {
				t.Errorf("with three orderers: got %v, expected ErrOrderers", err)
			}
		})
	}
}

func TestEnvelope(t *testing.T) {
	update, signatures := []byte("update"), [][]byte{[]byte("one"), []byte("two")}
	gotUpdate, got, err := Signatures(Envelope("trackseal", update, signatures))
	if err != nil || string(gotUpdate) != "update" || !reflect.DeepEqual(got, signatures) {
		t.Errorf("got %q %q %v", gotUpdate, got, err)
	}
	for _, bad := range []string{"", "x", "\x0a\x05ab", "\x0a\x00"} {
		if _, _, err := Signatures([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestEqual(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{`{"a":1,"b":[2]}`, "{\n \"a\": 1,\n \"b\": [2]\n}", true},
		{`{"a":18446744073709551615}`, `{"a":18446744073709551614}`, false},
		{`{"a":1}`, `{"a":1,"b":2}`, false},
		{`{"a":1}`, `no JSON`, false},
	} {
		if got := Equal([]byte(c.a), []byte(c.b)); got != c.want {
			t.Errorf("%s and %s: got %v", c.a, c.b, got)
		}
	}
}

func FuzzSignatures(f *testing.F) {
	f.Add(Envelope("c", []byte("u"), [][]byte{[]byte("s")}))
	f.Fuzz(func(t *testing.T, b []byte) { _, _, _ = Signatures(b) })
}

func FuzzFromBlock(f *testing.F) {
	f.Add([]byte(`{"data":{"data":[{"payload":{"data":{"config":{"channel_group":{"groups":{"Application":{"groups":{"A":{"values":{"MSP":{"value":{}}}}}},"Orderer":{}}}}}}}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := FromBlock(b)
		if err != nil {
			return
		}
		_, _ = c.Members()
		_, _ = c.Orderers()
		_, _ = c.Admit(fifth())
		_, _ = c.Evict("A", "B")
		_, _, _ = c.Endorsement(), c.Lifecycle(), c.BlockQuorum()
	})
}
