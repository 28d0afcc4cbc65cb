package anchor

import (
	"bytes"
	"testing"
)

func TestHeadLeaf(t *testing.T) {
	prev := uint64(7)
	for _, h := range []HeadLeaf{{}, {Log: Hash{1}, Size: 300, Root: Hash{2}, Prev: &prev, Closed: true}} {
		got, err := DecodeHeadLeaf(h.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Encode(), h.Encode()) {
			t.Errorf("%+v became %+v", h, got)
		}
		for i := range h.Encode() {
			bad := h.Encode()
			bad[i] ^= 0x40
			if d, err := DecodeHeadLeaf(bad); err == nil && bytes.Equal(d.Encode(), h.Encode()) {
				t.Errorf("byte %d does not count", i)
			}
		}
	}
	if _, err := DecodeHeadLeaf(append(HeadLeaf{}.Encode(), 0)); err == nil {
		t.Error("trailing byte accepted")
	}
}

// The parts of an id must not run into each other.
func TestIDsAreUnambiguous(t *testing.T) {
	if LogID("c", Shipment, "ab", "c", "i") == LogID("c", Shipment, "a", "bc", "i") || HeadsID("a", "bc") == HeadsID("ab", "c") {
		t.Error("two things share an id")
	}
	if LogID("c", Shipment, "a", "t", "i") == LogID("c", Tracker, "a", "t", "i") {
		t.Error("kinds share an id")
	}
}

func FuzzDecodeHeadLeaf(f *testing.F) {
	f.Add(HeadLeaf{Size: 5}.Encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if h, err := DecodeHeadLeaf(raw); err == nil && !bytes.Equal(h.Encode(), raw) {
			t.Fatal("two byte strings for one head")
		}
	})
}
