package browser

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
)

// A page must never say something else than the program.
func TestVerifySaysWhatTheProgramSays(t *testing.T) {
	trip := evidencetest.Standard(fabricproof.BFT, 4)
	policy := trip.C.Policy()
	raw, err := json.Marshal(policy)
	if err != nil {
		t.Fatal(err)
	}
	honest := trip.Bundle()
	edited := bytes.Clone(honest)
	edited[len(edited)-40] ^= 1
	nonce := hex.EncodeToString(trip.Nonce)
	parsed, err := evidence.ParsePolicy(raw)
	if err != nil {
		t.Fatal(err)
	}
	later := evidencetest.Standard(fabricproof.BFT, 2) // who joined is told by the page as by the program
	later.C.Join(evidencetest.NewOrg("cold", "ColdMSP"))
	later.Collect()
	policies := map[string]*evidence.Policy{"joined, accepted": later.C.Policy(), "joined, refused": later.C.Policy()}
	accepting := policies["joined, accepted"]
	accepting.Joined, accepting.Endorsers.Of, accepting.Attesters.Of = "accept", []string{}, []string{}
	for name, c := range map[string]struct {
		bundle []byte
		nonce  string
	}{
		"joined, accepted": {later.Bundle(), hex.EncodeToString(later.Nonce)}, "joined, refused": {later.Bundle(), hex.EncodeToString(later.Nonce)},

		"honest": {honest, nonce}, "edited": {edited, nonce}, "cut": {honest[:len(honest)/2], nonce}, "empty": {nil, nonce},
		"one message": {trip.Proof(1), nonce}, "stale": {honest, "00"}, "no nonce": {honest, ""},
	} {
		parsed, raw := parsed, raw
		if p := policies[name]; p != nil {
			if raw, err = json.Marshal(p); err != nil {
				t.Fatal(err)
			}
			if parsed, err = evidence.ParsePolicy(raw); err != nil {
				t.Fatal(err)
			}
		}
		if answer := Verify(bytes.NewReader(c.bundle), string(raw), c.nonce, nil); strings.Contains(answer, `"findings":null`) {
			t.Errorf("%s: a page needs a list: %s", name, answer)
		}
		n, err := hex.DecodeString(c.nonce)
		if err != nil {
			t.Fatal(err)
		}
		if len(n) == 0 {
			n = nil
		}
		want, err := evidence.Verify(bytes.NewReader(c.bundle), parsed, evidence.Options{Nonce: n})
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			evidence.Report
			Exit  int
			Error string
		}
		if err := json.Unmarshal([]byte(Verify(bytes.NewReader(c.bundle), string(raw), c.nonce, nil)), &got); err != nil {
			t.Fatal(err)
		}
		if got.Error != "" || got.Exit != want.Exit() || !reflect.DeepEqual(normal(t, &got.Report), normal(t, want)) {
			t.Errorf("%s: the page says %+v, the program %+v", name, got, want)
		}
	}
}

func normal(t *testing.T, r *evidence.Report) (v any) {
	t.Helper()
	raw, err := json.Marshal(r)
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVerifyRefusesWhatItCannotRead(t *testing.T) {
	trip := evidencetest.Standard(fabricproof.BFT, 2)
	policy, err := json.Marshal(trip.C.Policy())
	if err != nil {
		t.Fatal(err)
	}
	broken := Chunks(func(int64, int) ([]byte, error) { return nil, errors.New("the disk is gone") })
	for want, got := range map[string]string{
		"policy":           Verify(bytes.NewReader(nil), "{}", "", nil),
		"nonce":            Verify(bytes.NewReader(nil), string(policy), "xyz", nil),
		"the disk is gone": Verify(broken, string(policy), "", nil),
	} {
		var answer map[string]string
		if err := json.Unmarshal([]byte(got), &answer); err != nil || !strings.Contains(answer["error"], want) {
			t.Errorf("no error about %s: %s", want, got)
		}
	}
}

func TestChunks(t *testing.T) {
	for _, size := range []int{0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 2*chunk + 7} {
		file := make([]byte, size)
		for i := range file {
			file[i] = byte(i * 7 >> 3)
		}
		calls := 0
		got, err := io.ReadAll(Chunks(func(offset int64, length int) ([]byte, error) {
			calls++
			return file[min(int(offset), size):min(int(offset)+length, size)], nil
		}))
		if err != nil || !bytes.Equal(got, file) || calls != size/chunk+1 {
			t.Errorf("%d bytes: %d read in %d calls, %v", size, len(got), calls, err)
		}
	}
}
