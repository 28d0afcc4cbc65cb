package rest

import (
	"bytes"
	"testing"
)

var cursors = Cursors(bytes.Repeat([]byte{1}, 32))

type place struct {
	NS      int64  `json:"t"`
	Tracker string `json:"k"`
}

func TestCursor(t *testing.T) {
	c := cursors.Seal("r", place{Tracker: "b"})
	var got place
	if err := cursors.Open("r", c, &got); err != nil || got.Tracker != "b" {
		t.Fatalf("%+v %v", got, err)
	}
	for name, bad := range map[string]func() error{
		"another route": func() error { return cursors.Open("q", c, &got) },
		"another key":   func() error { return Cursors(bytes.Repeat([]byte{2}, 32)).Open("r", c, &got) },
		"cut":           func() error { return cursors.Open("r", c[:len(c)-2], &got) },
		"a line end":    func() error { return cursors.Open("r", c[:5]+"\n"+c[5:], &got) },
		"too short":     func() error { return cursors.Open("r", "AAAA", &got) },
		"another type":  func() error { return cursors.Open("r", cursors.Seal("r", "text"), &got) },
	} {
		if bad() == nil {
			t.Error(name + " is accepted")
		}
	}
	if err := cursors.Open("r", "", &got); err != nil || got.Tracker != "b" {
		t.Error("an empty cursor must leave the position alone")
	}
}

func FuzzCursor(f *testing.F) {
	good := cursors.Seal("r", place{NS: 1, Tracker: "t"})
	f.Add(good)
	f.Add("")
	f.Add("AAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add(good[:1] + "\n" + good[1:])
	f.Fuzz(func(t *testing.T, c string) {
		var p place
		if err := cursors.Open("r", c, &p); err == nil && c != "" && c != good {
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
