package httpapi

import (
	"bytes"
	"testing"
)

var cursorKey = bytes.Repeat([]byte{1}, 32)

func TestCursor(t *testing.T) {
	c := sealCursor(cursorKey, "r", bookmark{"b"})
	var got bookmark
	if err := openCursor(cursorKey, "r", c, &got); err != nil || got.B != "b" {
		t.Fatalf("%+v %v", got, err)
	}
	for name, bad := range map[string]func() error{
		"another route": func() error { return openCursor(cursorKey, "q", c, &got) },
		"another key":   func() error { return openCursor(bytes.Repeat([]byte{2}, 32), "r", c, &got) },
		"cut":           func() error { return openCursor(cursorKey, "r", c[:len(c)-2], &got) },
		"a line end":    func() error { return openCursor(cursorKey, "r", c[:5]+"\n"+c[5:], &got) },
		"too short":     func() error { return openCursor(cursorKey, "r", "AAAA", &got) },
		"another type":  func() error { return openCursor(cursorKey, "r", sealCursor(cursorKey, "r", "text"), &got) },
	} {
		if bad() == nil {
			t.Error(name + " is accepted")
		}
	}
	if err := openCursor(cursorKey, "r", "", &got); err != nil || got.B != "b" {
		t.Error("an empty cursor must leave the position alone")
	}
}

func FuzzCursor(f *testing.F) {
	good := sealCursor(cursorKey, "r", place{NS: 1, Tracker: "t"})
	f.Add(good)
	f.Add("")
	f.Add("AAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add(good[:1] + "\n" + good[1:])
	f.Fuzz(func(t *testing.T, c string) {
		var p place
		if err := openCursor(cursorKey, "r", c, &p); err == nil && c != "" && c != good {
			t.Fatalf("forged: %s -> %+v", c, p)
		}
	})
}

func FuzzInstant(f *testing.F) {
	f.Add("2026-11-22T10:00:00.000Z")
	f.Add("2026-11-22T10:00:00+14:00")
	f.Fuzz(func(t *testing.T, s string) {
		var i, again Instant
		if i.UnmarshalText([]byte(s)) != nil {
			return
		}
		if i < 0 || i >= maxTimeMS {
			t.Fatalf("%q gives %d", s, i)
		}
		if err := again.UnmarshalText([]byte(i.String())); err != nil || again != i {
			t.Fatalf("%q: %s does not read back: %v", s, i, err)
		}
	})
}
