package ledger

import (
	"reflect"
	"strings"
	"testing"
)

func TestDecodeIsStrict(t *testing.T) {
	for _, tc := range []struct{ name, in, problem string }{
		{"unknown", `{"id":"a","idd":"b"}`, `unknown member "idd"`},
		{"case", `{"Id":"a"}`, `unknown member "Id"`},
		{"repeated", `{"id":"a","id":"a"}`, `member "id" is repeated`},
		{"repeated role", `{"parties":{"carrier":"A","carrier":"B"}}`, `member "carrier" is repeated`},
		{"trailing", `{"id":"a"}x`, "more than one"},
		{"second value", `{"id":"a"}{}`, "more than one"},
		{"array", `["a"]`, "not a JSON object"},
		{"null", `null`, "not a JSON object"},
		{"empty", ``, "not a JSON object"},
		{"cut", `{"id":"a`, "unexpected EOF"},
		{"cut in an object", `{"parties":{"a":"b"`, "unexpected"},
		{"type", `{"id":1}`, "cannot unmarshal"},
		{"object for text", `{"id":{"x":1}}`, "cannot unmarshal"},
		{"not UTF-8", "{\"id\":\"\xc3\"}", "not UTF-8"},
		{"large", `{"id":"` + strings.Repeat("a", MaxArg) + `"}`, "larger than"},
		{"deep", `{"parties":` + strings.Repeat("[", 100_000), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var a CreateArgs
			if err := Decode([]byte(tc.in), &a); err == nil || !strings.Contains(err.Error(), tc.problem) {
				t.Errorf("got %v, want %q", err, tc.problem)
			}
		})
	}
	var v Verdict
	if err := Decode([]byte(` {"detail":{"a":{"a":1}},"logs":[{"log":"x"}],"reasons":["y"]} `), &v); err != nil || len(v.Logs) != 1 || v.Logs[0].Log != "x" {
		t.Errorf("%v %+v", err, v)
	}
	if err := Decode([]byte(`{"detail":{"a":1,"a":2}}`), &v); err == nil {
		t.Error("a repeated member deep in detail was taken")
	}
	if err := Decode([]byte(`{"log":{"log":"x","rot":"y"}}`), &v); err == nil {
		t.Error("an unknown member of a nested object was taken")
	}
}

func TestEncodeIsPlain(t *testing.T) {
	b, err := Encode(CreateArgs{ID: "a", RuleSet: "<2 °C & dry>", Parties: Parties{"b": {"2"}, "a": {"1"}}})
	want := `{"id":"a","parties":{"a":["1"],"b":["2"]},"rule_set":"<2 °C & dry>","rule_set_hash":"","details":""}`
	if err != nil || string(b) != want {
		t.Errorf("got %s", b)
	}
}

func TestRefusalsCrossText(t *testing.T) {
	e := Refuse(Conflict, "tracker %q\nis taken", "a\nb")
	got := ParseError("Chaincode status Code: (500) UNKNOWN. Description: " + e.Error() + "\nmore")
	if got == nil || *got != *e {
		t.Errorf("got %v, want %v", got, e)
	}
}

func TestAnchorKeysScanNewestFirst(t *testing.T) {
	for n := range uint64(2000) {
		if AnchorKey("h", n+1) >= AnchorKey("h", n) {
			t.Fatalf("anchor %d does not come before %d", n+1, n)
		}
	}
	if VerdictKey("s", "m", 9) >= VerdictKey("s", "m", 10) || HandoverKey("s", 99) >= HandoverKey("s", 100) || RuleSetKey("r", 9) >= RuleSetKey("r", 10) ||
		DispositionKey("s", 9) >= DispositionKey("s", 10) || AcknowledgementKey("s", "e", 9) >= AcknowledgementKey("s", "e", 10) {
		t.Error("numbers do not sort")
	}
}

// FuzzDecode: what is accepted means one thing. Encoded again it decodes to the same value.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"id":"a","parties":{"carrier":"CarrierMSP"}}`, `{"shipment":"s","detail":{"x":[1,2]},"reasons":["r"]}`,
		`{"heads":"ab","proof":["00"],"new_size":18446744073709551615}`, `{"id":"a","heads":[{"log":"x","size":1,"root":"y"}]}`,
		`{"shipment":"s","rule":"hot","op":">=","messages":[{"raw":"AAE=","time_ms":1}]}`, `{"rules":"e30="}`, `{"ref":"a@1"}`,
		`{"id":"a","details":"d","carried":[{"rule":"r","band":"b","spent_s":1}],"carried_from":["b"]}`,
		`{"shipment":"s","excursion":"e","n":1,"details":"d","kind":"person","meaning":"reviewed"}`,
		`{"shipment":"s","revision":1,"decision":"release","details":"d","verdict_revision":1,"kind":"person","meaning":"approved"}`,
		`{"shipment":"s","detail":{"budget":[{"rule":"r","band":"b","spent_s":1,"max_s":2}]}}`,
		`{"id":"a","id":"b"}`, `{"ID":"a"}`, "{}", "[]",
	} {
		for i := range targets() {
			f.Add(i, s)
		}
	}
	f.Fuzz(func(t *testing.T, i int, in string) {
		if i < 0 || i >= len(targets()) {
			return
		}
		first, second := targets()[i], targets()[i]
		if Decode([]byte(in), first) != nil {
			return
		}
		b, err := Encode(first)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > MaxArg {
			return
		}
		if err := Decode(b, second); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		again, err := Encode(second)
		if err != nil || string(b) != string(again) {
			t.Fatalf("%s became %s", b, again)
		}
		if v, ok := first.(interface{ Validate() error }); ok {
			if err := v.Validate(); err != nil && CodeOf(err) != Invalid {
				t.Fatalf("refused with %v", err)
			}
		}
	})
}

func targets() []any {
	return []any{&EnrolArgs{}, &RotateArgs{}, &RevokeArgs{}, &CalibrateArgs{}, &IDArgs{}, &ListArgs{}, &CreateArgs{}, &AssignArgs{},
		&UnassignArgs{}, &ProposeArgs{}, &RejectArgs{}, &SealArgs{}, &RetireArgs{}, &OpinionArgs{}, &FoundArgs{}, &ExtendArgs{}, &Excursion{}, &Verdict{},
		&BreachArgs{}, &breachMessages{}, &AcknowledgeArgs{}, &DisposeArgs{}, &PublishArgs{}, &RefArgs{},
		&PublishProfileArgs{}, &TrackerProfileArgs{}, &GatewayArgs{}, &ProposeMemberArgs{}}
}

// Every member of an argument or a record has a JSON name of its own: the strict decoder knows members by these only.
func TestEveryMemberIsNamed(t *testing.T) {
	all := append(targets(), &Tracker{}, &TrackerKey{}, &Calibration{}, &Shipment{}, &Assignment{}, &LogHead{}, &Handover{}, &Declined{}, &Seal{}, &FinalHead{}, &Close{}, &Head{}, &Member{}, &Founder{},
		&ComplianceState{}, &BudgetLine{}, &Spent{}, &Opinion{}, &VerdictRef{}, &CarriedFrom{}, &Tally{}, &Witness{}, &BreachMessage{}, &Signature{}, &Acknowledgement{},
		&Disposition{}, &RuleSet{}, &Profile{}, &ProfilePin{}, &Attestation{}, &Maker{}, &MemberProposal{}, &DeviceOf{})
	for _, x := range all {
		typ := reflect.TypeOf(x).Elem()
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if name == "-" && typ == reflect.TypeFor[BreachMessage]() {
				continue // in the private part of the claim
			}
			if name == "" || name == "-" || name != strings.ToLower(name) {
				t.Errorf("%s.%s: json name %q", typ, typ.Field(i).Name, name)
			}
		}
	}
}
