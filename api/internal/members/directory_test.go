package members

import (
	"log/slog"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/testkit"
)

func TestDirectory(t *testing.T) {
	l := testkit.NewLedger("CarrierMSP", nil)
	d := New(l, slog.New(slog.DiscardHandler))
	if got := d.Name("CarrierMSP"); got != "CarrierMSP" {
		t.Errorf("before the first look the name of CarrierMSP is %q, want the MSP id", got)
	}
	if err := d.Check("carrier", "CarrierMSP"); err == nil {
		t.Error("an empty directory passed its check")
	}
	if m, err := d.Find(t.Context(), "shipper"); err != nil || m.MSP != "ShipperMSP" {
		t.Errorf("found %+v (%v) without a look, want ShipperMSP", m, err)
	}
	if err := d.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(d.All()); got != len(testkit.Founders) {
		t.Errorf("%d members, want %d", got, len(testkit.Founders))
	}
	for msp, want := range map[string]string{"CarrierMSP": "carrier", "AuditorMSP": "auditor", "StrangerMSP": "StrangerMSP"} {
		if got := d.Name(msp); got != want {
			t.Errorf("%s is shown as %q, want %q", msp, got, want)
		}
	}
	if _, err := d.Find(t.Context(), "nobody"); ledger.CodeOf(err) != ledger.NotFound {
		t.Errorf("finding nobody: %v, want %s", err, ledger.NotFound)
	}
	if err := d.Check("carrier", "CarrierMSP"); err != nil {
		t.Error(err)
	}
	if err := d.Check("shipper", "CarrierMSP"); err == nil {
		t.Error("an api under another member's name passed its check")
	}
	l.SetUnavailable(true)
	if err := d.Load(t.Context()); err == nil {
		t.Error("loaded from a ledger that is away")
	}
	if got := d.Name("CarrierMSP"); got != "carrier" {
		t.Errorf("while the ledger is away CarrierMSP is shown as %q, want what was known", got)
	}
}
