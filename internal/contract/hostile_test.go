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

// TestHostileArguments: whatever stands in one member of an argument, a transaction answers or is refused with a code, in one line
// of bounded length, and writes nothing.
func TestHostileArguments(t *testing.T) {
	w := newWorld(t)
	key := func(text string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(text))
	}
	values := []string{"null", "true", "0", "-1", "1.5", "1e400", "9223372036854775807", "18446744073709551616", `""`, `"x"`, `"carrier.S-1"`, `"\u0000"`, `"\ud800"`, `"a\nb"`,
		`"[NOT_FOUND] x"`, "[]", "{}", `[null]`, `[{}]`, `{"a":"b"}`, `"` + strings.Repeat("a", 20_000) + `"`, strings.Repeat("[", 12_000) + strings.Repeat("]", 12_000),
		`"` + key(ledger.Key(ledger.ObjTracker, "\xff\xfe")) + `"`, `"` + key(ledger.Key(ledger.ObjParty, carrier)+"\xff") + `"`, `"` + key(ledger.Key(ledger.ObjHead)+"\xff") + `"`,
		`"` + key(ledger.Key(ledger.ObjRuleSet)+"\xff") + `"`, `"` + key("\x00") + `"`}
	whole := []string{"", "null", "[]", "1", `"x"`, "{", "{}{}", `{"":1}`, `{"nobody":1}`, `{"` + strings.Repeat("long", 40_000) + `":1}`, `{"id":"a","id":"b"}`, `{"ID":"a"}`,
		"{\"id\":\"\xff\"}", strings.Repeat(" ", ledger.MaxArg+1)}
	for fn, f := range functions {
		kind := reflect.TypeOf(f.arg)
		all := slices.Clone(whole)
		for i := range kind.NumField() {
			name, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
			for _, v := range values {
				// Valid ids elsewhere let a listing come as far as its bookmark.
				rest := ""
				if name == "bookmark" && (strings.HasPrefix(fn, "compliance:") || fn == ledger.ShipmentHandover.Name()) {
					rest = `"id":"carrier.S-1",`
				}
				all = append(all, fmt.Sprintf(`{%s%q:%s}`, rest, name, v))
			}
		}
		for _, arg := range all {
			by := carrierOp
			if slices.Equal(f.roles, ingest) {
				by = carrierIn
			}
			a, err := Run(w.state, w.call(by), fn, []byte(arg))
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
