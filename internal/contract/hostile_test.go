package contract

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
)

// argumentsOf is the argument type of every transaction.
var argumentsOf = map[string]any{
	ledger.MemberFound: ledger.FoundArgs{}, ledger.MemberGet: ledger.NameArgs{}, ledger.MemberList: ledger.ListArgs{},
	ledger.TrackerEnrol: ledger.EnrolArgs{}, ledger.TrackerRotate: ledger.RotateArgs{}, ledger.TrackerRevoke: ledger.RevokeArgs{}, ledger.TrackerCalibrate: ledger.CalibrateArgs{},
	ledger.TrackerGet: ledger.IDArgs{}, ledger.TrackerList: ledger.ListArgs{},
	ledger.ShipmentCreate: ledger.CreateArgs{}, ledger.ShipmentAssign: ledger.AssignArgs{}, ledger.ShipmentUnassign: ledger.UnassignArgs{}, ledger.ShipmentPropose: ledger.ProposeArgs{},
	ledger.ShipmentAccept: ledger.IDArgs{}, ledger.ShipmentReject: ledger.RejectArgs{}, ledger.ShipmentWithdraw: ledger.RejectArgs{}, ledger.ShipmentDeliver: ledger.IDArgs{},
	ledger.ShipmentClose: ledger.CloseArgs{}, ledger.ShipmentGet: ledger.IDArgs{}, ledger.ShipmentList: ledger.ListArgs{}, ledger.ShipmentHandover: ledger.ListArgs{}, ledger.ShipmentGetClose: ledger.IDArgs{},
	ledger.AnchorExtend: ledger.ExtendArgs{}, ledger.AnchorHead: ledger.IDArgs{}, ledger.AnchorList: ledger.ListArgs{}, ledger.AnchorHeads: ledger.ListArgs{},
	ledger.ComplianceOpen: ledger.Excursion{}, ledger.ComplianceClose: ledger.Excursion{}, ledger.ComplianceRevise: ledger.Verdict{}, ledger.ComplianceVerdict: ledger.IDArgs{},
	ledger.ComplianceVerdicts: ledger.ListArgs{}, ledger.ComplianceList: ledger.ListArgs{}, ledger.ComplianceBreach: ledger.BreachArgs{},
	ledger.ComplianceAcknowledge: ledger.AcknowledgeArgs{}, ledger.ComplianceAcknowledgements: ledger.ListArgs{}, ledger.ComplianceDispose: ledger.DisposeArgs{},
	ledger.ComplianceDisposition: ledger.IDArgs{}, ledger.ComplianceDispositions: ledger.ListArgs{},
	ledger.RuleSetPublish: ledger.PublishArgs{}, ledger.RuleSetGet: ledger.RefArgs{}, ledger.RuleSetList: ledger.ListArgs{},
}

// TestHostileArguments: whatever stands in one member of an argument, a transaction answers or is refused with a code, in one line
// of bounded length, and writes nothing.
func TestHostileArguments(t *testing.T) {
	w := newWorld(t)
	key := func(text string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(text))
	}
	values := []string{"null", "true", "0", "-1", "1.5", "1e400", "9223372036854775807", "18446744073709551616", `""`, `"x"`, `"S-1"`, `"\u0000"`, `"\ud800"`, `"a\nb"`,
		`"[NOT_FOUND] x"`, "[]", "{}", `[null]`, `[{}]`, `{"a":"b"}`, `"` + strings.Repeat("a", 20_000) + `"`, strings.Repeat("[", 12_000) + strings.Repeat("]", 12_000),
		`"` + key(ledger.Key(ledger.ObjTracker, "\xff\xfe")) + `"`, `"` + key(ledger.Key(ledger.ObjParty, carrier)+"\xff") + `"`, `"` + key(ledger.Key(ledger.ObjHead)+"\xff") + `"`,
		`"` + key(ledger.Key(ledger.ObjRuleSet)+"\xff") + `"`, `"` + key("\x00") + `"`}
	whole := []string{"", "null", "[]", "1", `"x"`, "{", "{}{}", `{"":1}`, `{"nobody":1}`, `{"` + strings.Repeat("long", 40_000) + `":1}`, `{"id":"a","id":"b"}`, `{"ID":"a"}`,
		"{\"id\":\"\xff\"}", strings.Repeat(" ", ledger.MaxArg+1)}
	for _, fn := range ledger.Transactions {
		kind := reflect.TypeOf(argumentsOf[fn])
		if kind == nil {
			t.Errorf("%s: name its argument above", fn)
			continue
		}
		all := slices.Clone(whole)
		for i := range kind.NumField() {
			name, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
			for _, v := range values {
				// Valid ids elsewhere let a listing come as far as its bookmark.
				rest := ""
				if name == "bookmark" && (strings.HasPrefix(fn, "compliance:") || fn == ledger.ShipmentHandover) {
					rest = `"id":"S-1",`
				}
				all = append(all, fmt.Sprintf(`{%s%q:%s}`, rest, name, v))
			}
		}
		for _, arg := range all {
			by := carrierOp
			if slices.Contains([]string{ledger.AnchorExtend, ledger.ComplianceOpen, ledger.ComplianceClose, ledger.ComplianceRevise}, fn) {
				by = carrierIn
			}
			a, err := w.run(by, fn, arg)
			if len(a.Writes) > 0 || a.Event != "" {
				t.Errorf("%s wrote for %.100s", fn, arg)
			}
			if err == nil {
				continue
			}
			text := err.Error()
			if e := ledger.ParseError(text); e == nil || e.Error() != text || len(text) > 5<<10 {
				t.Errorf("%s %.100s: want one line with a code, got %d bytes: %.200s", fn, arg, len(text), text)
			}
		}
	}
}
