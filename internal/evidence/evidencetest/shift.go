package evidencetest

import "google.golang.org/protobuf/encoding/protowire"

// Shift moves bytes of a BFT block's signed value into the header of its first signature. The signed bytes, which are both
// parts joined, stay the same. With empty the whole value moves; otherwise all of it but its first field.
func Shift(signatures []byte, empty bool) []byte {
	_, _, n := protowire.ConsumeTag(signatures)
	value, m := protowire.ConsumeBytes(signatures[n:])
	rest := signatures[n+m:]
	_, _, n = protowire.ConsumeTag(rest)
	first, m := protowire.ConsumeBytes(rest[n:])
	after := rest[n+m:]
	_, _, k := protowire.ConsumeTag(first)
	signature, l := protowire.ConsumeBytes(first[k:])
	_, _, j := protowire.ConsumeTag(first[k+l:])
	header, _ := protowire.ConsumeBytes(first[k+l+j:])
	cut := 0
	if !empty {
		_, _, t := protowire.ConsumeTag(value)
		_, b := protowire.ConsumeBytes(value[t:])
		cut = t + b
	}
	moved := append(append([]byte{}, value[cut:]...), header...)
	return append([]byte(Msg{}.Bytes(1, value[:cut]).Sub(2, Msg{}.Bytes(2, signature).Bytes(3, moved))), after...)
}
