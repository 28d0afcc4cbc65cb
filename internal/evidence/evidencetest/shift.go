package evidencetest

import "google.golang.org/protobuf/encoding/protowire"

// Shift moves bytes of a block's signed value into the header of its first signature. The signed bytes, which are both
// parts joined, stay the same. With empty the whole value moves; otherwise all of it but its first field.
func Shift(signatures []byte, empty bool) []byte {
	_, _, n := protowire.ConsumeTag(signatures)
	value, m := protowire.ConsumeBytes(signatures[n:])
	rest := signatures[n+m:]
	_, _, n = protowire.ConsumeTag(rest)
	first, m := protowire.ConsumeBytes(rest[n:])
	after := rest[n+m:]
	fields := map[protowire.Number][]byte{}
	for len(first) > 0 {
		num, _, k := protowire.ConsumeTag(first)
		b, l := protowire.ConsumeBytes(first[k:])
		fields[num], first = b, first[k+l:]
	}
	// A Raft orderer's signature names it in field 1, a BFT consenter's in field 3.
	head := protowire.Number(3)
	if fields[1] != nil {
		head = 1
	}
	cut := 0
	if !empty {
		_, _, t := protowire.ConsumeTag(value)
		_, b := protowire.ConsumeBytes(value[t:])
		cut = t + b
	}
	moved := append(append([]byte{}, value[cut:]...), fields[head]...)
	set := Msg{}.Bytes(2, fields[2]).Bytes(3, moved)
	if head == 1 {
		set = Msg{}.Bytes(1, moved).Bytes(2, fields[2])
	}
	return append([]byte(Msg{}.Bytes(1, value[:cut]).Sub(2, set)), after...)
}
