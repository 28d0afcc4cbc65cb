package journal

import (
	"reflect"
	"testing"
)

func TestHeadComesBack(t *testing.T) {
	for _, want := range []Head{
		{Heads: "aa", Log: "bb", Index: 3, Size: 9, Root: "00ff", Prev: -1, Closed: true, Entry: []byte{1, 2}, HeadsSize: 4, HeadsRoot: "11", Tx: "tx", Block: 7, Proof: [][32]byte{{1}, {2}}, TimeMS: 1_700_000_000_123},
		{Entry: []byte{}},
	} {
		b := want.Append(nil)
		got, err := DecodeHead(b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, err %v, want %+v", got, err, want)
		}
		if _, err := DecodeHead(b[:len(b)-1]); err == nil {
			t.Errorf("%+v: a record that is cut is accepted", want)
		}
	}
}
