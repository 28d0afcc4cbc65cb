package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

var salt = [SaltSize]byte{1, 2, 3}

func TestDetails(t *testing.T) {
	d := Details{Description: "vaccines <2-8 °C>", Origin: "Basel", Destination: "Oslo", Lot: "L-7"}
	raw, hash, err := d.Seal(salt)
	if want := `{"salt":"01020300000000000000000000000000","description":"vaccines <2-8 °C>","origin":"Basel","destination":"Oslo","lot":"L-7"}`; err != nil || string(raw) != want {
		t.Fatalf("expected %s, got %s, %v", want, raw, err)
	}
	if sum := sha256.Sum256(raw); hash != hex.EncodeToString(sum[:]) {
		t.Errorf("got the hash %s", hash)
	}
	back, err := OpenDetails(raw, hash)
	if err != nil || !back.Same(d) || back.Salt != "01020300000000000000000000000000" {
		t.Errorf("got %+v, %v", back, err)
	}
	_, other, _ := d.Seal([SaltSize]byte{9})
	if other == hash {
		t.Error("two salts gave one hash")
	}
	if _, err := OpenDetails(raw, other); err == nil {
		t.Error("details were taken for others")
	}
	longest := Details{Description: strings.Repeat(`"`, 512), Origin: strings.Repeat(`"`, 512), Destination: strings.Repeat(`"`, 512), Lot: strings.Repeat(`"`, 128), LotSource: strings.Repeat(`"`, 512),
		Quantity: "12345678901234567.25", Unit: strings.Repeat(`"`, 32), ReferenceType: strings.Repeat(`"`, 64), ReferenceNumber: strings.Repeat(`"`, 128), Note: strings.Repeat(`"`, 1024),
		Reason: strings.Repeat(`"`, 1024), Signer: Signer{strings.Repeat(`"`, 128), strings.Repeat(`"`, 256), strings.Repeat(`"`, 256), strings.Repeat(`"`, 128)}}
	if raw, hash, err = longest.Seal(salt); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDetails(raw, hash); err != nil {
		t.Errorf("the longest details: %v", err)
	}
}

func TestDetailsAreRefused(t *testing.T) {
	long := strings.Repeat("x", 2000)
	ana := Signer{Name: "Ana Lopez", Subject: "248289761001", Issuer: "https://login.consignee.test", Client: "page"}
	signed := func(f func(*Signer)) Details {
		by := ana
		f(&by)
		return Details{Reason: "door open", Signer: by}
	}
	if _, _, err := signed(func(*Signer) {}).Seal(salt); err != nil {
		t.Fatal(err)
	}
	for what, d := range map[string]Details{
		"description": {Description: long}, "origin": {Origin: long}, "destination": {Destination: long}, "lot": {Lot: long}, "lot source": {LotSource: long}, "unit": {Unit: long}, "reference type": {ReferenceType: long}, "reference number": {ReferenceNumber: long},
		"quantity in words": {Quantity: "forty"}, "no quantity": {Quantity: "0.00"}, "negative quantity": {Quantity: "-1"}, "long quantity": {Quantity: "123456789012345678.25"}, "note": {Note: long}, "reason": {Reason: long},
		"control": {Note: "a\nb"}, "not text": {Note: "\xff"},
		"no name": signed(func(s *Signer) { s.Name = "" }), "name of two lines": signed(func(s *Signer) { s.Name = "a\nb" }), "no subject": signed(func(s *Signer) { s.Subject = "" }),
		"no issuer": signed(func(s *Signer) { s.Issuer = "" }), "no client": signed(func(s *Signer) { s.Client = "" }), "long subject": signed(func(s *Signer) { s.Subject = strings.Repeat("x", 257) }),
	} {
		if _, _, err := d.Seal(salt); CodeOf(err) != Invalid {
			t.Errorf("%s: expected INVALID, got %v", what, err)
		}
	}
	const s = `"salt":"01020300000000000000000000000000"`
	for _, raw := range []string{"", "{}", "[]", "null", `{"salt":"0102"}`, `{` + s + `,"x":1}`, `{` + s + `,` + s + `}`, `{` + s + `}x`, `{` + s + `,"note":1}`, `{` + s + `,"note":"a\nb"}`,
		`{"Salt":"01020300000000000000000000000000"}`, `{` + s + `,"signer":{"name":"x"}}`, `{` + s + `,"note":"\u0041"}`, `{` + s + `,"note":""}`, `{"note":"x",` + s + `}`, `{` + s + `,"note":"` + strings.Repeat("x", maxDetails) + `"}`} {
		sum := sha256.Sum256([]byte(raw))
		if d, err := OpenDetails([]byte(raw), hex.EncodeToString(sum[:])); err == nil {
			t.Errorf("%.80s was taken: %+v", raw, d)
		}
	}
}

// A machine's printed name is its client, whatever the details say.
func TestSignedBy(t *testing.T) {
	by := Signer{Name: "Ana Lopez", Subject: "gate", Issuer: "x", Client: "gate"}
	if got := (Signature{Kind: Machine}).By(by); got.Name != "gate" {
		t.Errorf("a machine signs as %q", got.Name)
	}
	if got := (Signature{Kind: Person}).By(by); got != by {
		t.Errorf("a person signs as %+v", got)
	}
}

// FuzzDetails: what is taken is what Seal writes.
func FuzzDetails(f *testing.F) {
	raw, _, _ := Details{Description: "<2-8 °C>", Note: "x", Signer: Signer{"a", "b", "c", "d"}}.Seal(salt)
	f.Add(raw)
	f.Add([]byte(`{"salt":"01020300000000000000000000000000","note":"\u0041"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		sum := sha256.Sum256(raw)
		d, err := OpenDetails(raw, hex.EncodeToString(sum[:]))
		if err != nil {
			return
		}
		salt, err := hex.DecodeString(d.Salt)
		if err != nil {
			t.Fatal(err)
		}
		if again, hash, err := d.Seal([SaltSize]byte(salt)); err != nil || hash != hex.EncodeToString(sum[:]) {
			t.Fatalf("%q was taken, and sealing it gives %q, %v", raw, again, err)
		}
	})
}
