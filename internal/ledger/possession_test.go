package ledger_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"os"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Ensure that docs/formats.md gives the possession bytes, the proof and the kid as they are: a device's maker has nothing else.
func TestPossessionBytesOfTheFormatsPage(t *testing.T) {
	seed, _ := hex.DecodeString("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60") // RFC 8032, section 7.1, test 1
	key := ed25519.NewKeyFromSeed(seed)
	public, err := telemetry.Public(key)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	possession := ledger.PossessionBytes("carrier.PY-1", "CarrierMSP", int(public.Alg), hex.EncodeToString(public.Raw))
	kid := public.KID()
	for what, want := range map[string]string{
		"the possession bytes": "```\n" + string(possession) + "\n```",
		"their signature":      "`" + hex.EncodeToString(ed25519.Sign(key, possession)) + "`",
		"the kid":              "`" + hex.EncodeToString(kid[:]) + "`",
	} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("docs/formats.md does not have %s: %s", what, want)
		}
	}
}
