// Package evidencetest makes whole consortiums in memory for tests: authorities, peers, orderers, blocks, trackers, logs and
// the bundles that prove them. It encodes Fabric's messages by itself, field by field, so that the verifier is not tested
// against its own decoder, and every step can be falsified on the way.
package evidencetest

import "google.golang.org/protobuf/encoding/protowire"

// Msg is a protobuf message under construction. Fields must be added in ascending order.
type Msg []byte

// Bytes adds a bytes or text field unless it is empty, as proto3 does.
func (m Msg) Bytes(num protowire.Number, b []byte) Msg {
	if len(b) == 0 {
		return m
	}
	return m.Sub(num, b)
}

// Text is Bytes of a text.
func (m Msg) Text(num protowire.Number, s string) Msg { return m.Bytes(num, []byte(s)) }

// Sub adds a message or an element of a list, empty or not.
func (m Msg) Sub(num protowire.Number, b []byte) Msg {
	return protowire.AppendBytes(protowire.AppendTag(m, num, protowire.BytesType), b)
}

// Uint adds a number unless it is zero.
func (m Msg) Uint(num protowire.Number, v uint64) Msg {
	if v == 0 {
		return m
	}
	return protowire.AppendVarint(protowire.AppendTag(m, num, protowire.VarintType), v)
}

// Entry adds an entry of a map.
func (m Msg) Entry(num protowire.Number, key string, value []byte) Msg {
	return m.Sub(num, Msg{}.Text(1, key).Sub(2, value))
}
