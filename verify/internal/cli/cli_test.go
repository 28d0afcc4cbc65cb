package cli

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
)

func TestRun(t *testing.T) {
	trip := evidencetest.Standard(fabricproof.BFT, 4)
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	raw, err := json.Marshal(trip.C.Policy())
	if err != nil {
		t.Fatal(err)
	}
	policy := write("policy.json", raw)
	whole := trip.Bundle()
	good := write("good.tsb", whole)
	whole[len(whole)-40] ^= 1
	bad := write("bad.tsb", whole)
	proof := write("proof.tsb", trip.Proof(1))
	trip.Leaves[2].COSE, trip.Leaves[2].Pack = nil, nil
	open := write("open.tsb", trip.Bundle())
	nonce := hex.EncodeToString(trip.Nonce)
	page := filepath.Join(dir, "report.html")
	cases := []struct {
		args []string
		exit int
		out  string
	}{
		{[]string{good, "--policy", policy, "--nonce", nonce}, 0, "PASSED"},
		{[]string{good, "--policy", policy, "--nonce", nonce, "--json"}, 0, `"authentic": "pass"`},
		{[]string{good, "--policy", policy, "--report", page}, 0, "W_NO_NONCE"},
		{[]string{bad, "--policy", policy}, 1, "NOT PASSED"},
		{[]string{good, "--policy", policy, "--nonce", "00"}, 1, "E_STALE"},
		{[]string{open, "--policy", policy}, 1, "E_WITHHELD"}, // its place in the sequence is then a hole
		{[]string{"message", proof, "--policy", policy, "--nonce", nonce}, 0, "one message of"},
		{[]string{proof, "--policy", policy}, 64, "use `verify message"},
		{[]string{"message", good, "--policy", policy}, 64, "whole shipment"},
		{[]string{good}, 64, "--policy is missing"},
		{[]string{good, "--policy", good}, 64, "policy"},
		{[]string{good, "--policy", policy, "--nonce", "xyz"}, 64, "--nonce must be hex"},
		{[]string{filepath.Join(dir, "none"), "--policy", policy}, 64, "none"},
		{nil, 64, "arg"},
	}
	for _, c := range cases {
		var out, errs bytes.Buffer
		if exit := Run(t.Context(), c.args, &out, &errs, nil); exit != c.exit {
			t.Errorf("%v: exit %d instead of %d\n%s%s", c.args, exit, c.exit, out.String(), errs.String())
		}
		if !strings.Contains(out.String()+errs.String(), c.out) {
			t.Errorf("%v: no %q in\n%s%s", c.args, c.out, out.String(), errs.String())
		}
		if c.exit == evidence.ExitUsage && strings.Count(errs.String(), "\n") != 1 && !strings.Contains(errs.String(), "policy") {
			t.Errorf("%v: not one line: %s", c.args, errs.String())
		}
	}
	html, err := os.ReadFile(page)
	if err != nil || !bytes.Contains(html, []byte("SHIP-1")) || bytes.Contains(html, []byte("http")) {
		t.Errorf("report page: %v", err)
	}
}
