package stub

import (
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/queryresult"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/trackseal/trackseal/internal/ledger"
)

// write is one PutState or, without a value, DelState, in the order of the calls.
type write struct{ key, value string }

type event struct {
	name    string
	payload string
}

// fakeStub is one simulated transaction on a committed state, as a peer would run it: reads see the committed state only.
// What it does not implement panics through the nil interface, which is the test that nothing uses it
// (GetHistoryForKey, private data, rich queries, calls to other chaincode).
type fakeStub struct {
	shim.ChaincodeStubInterface
	committed map[string][]byte
	creator   []byte
	fn        string
	args      []string
	private   string
	ms        int64
	tx        string

	writes []write
	events []event
	paged  bool
	// calls counts stub calls that can fail; the one with number failAt fails, before or after it took effect.
	calls     int
	failAt    int
	failAfter bool
}

var errStub = errors.New("peer went away")

// step runs one call that may be told to fail.
func (s *fakeStub) step(do func()) error {
	s.calls++
	if s.calls != s.failAt {
		do()
		return nil
	}
	if s.failAfter {
		do()
	}
	return errStub
}

func (s *fakeStub) GetFunctionAndParameters() (string, []string) { return s.fn, s.args }
func (s *fakeStub) GetTxID() string                              { return s.tx }
func (s *fakeStub) GetChannelID() string                         { return ledger.Channel }

func (s *fakeStub) GetCreator() ([]byte, error) {
	var b []byte
	err := s.step(func() { b = s.creator })
	return b, err
}

func (s *fakeStub) GetTxTimestamp() (ts *timestamppb.Timestamp, err error) {
	err = s.step(func() { ts = timestamppb.New(time.UnixMilli(s.ms)) })
	return ts, err
}

func (s *fakeStub) GetTransient() (m map[string][]byte, err error) {
	err = s.step(func() {
		if s.private != "" {
			m = map[string][]byte{ledger.PrivateKey: []byte(s.private)}
		}
	})
	return m, err
}

func (s *fakeStub) GetState(key string) (b []byte, err error) {
	err = s.step(func() { b = s.committed[key] })
	return b, err
}

func (s *fakeStub) PutState(key string, value []byte) error {
	if key == "" || len(value) == 0 {
		return errors.New("empty key or value")
	}
	if s.paged {
		return errors.New("writes after a paged query are not allowed")
	}
	return s.step(func() { s.writes = append(s.writes, write{key, string(value)}) })
}

func (s *fakeStub) DelState(key string) error {
	return s.step(func() { s.writes = append(s.writes, write{key: key}) })
}

func (s *fakeStub) SetEvent(name string, payload []byte) error {
	return s.step(func() { s.events = append(s.events, event{name, string(payload)}) })
}

func (s *fakeStub) SplitCompositeKey(key string) (string, []string, error) {
	parts := strings.Split(strings.Trim(key, "\x00"), "\x00")
	return parts[0], parts[1:], nil
}

func (s *fakeStub) GetStateByPartialCompositeKeyWithPagination(object string, attributes []string, size int32, bookmark string) (shim.StateQueryIteratorInterface, *peer.QueryResponseMetadata, error) {
	s.paged = true
	if !utf8.ValidString(bookmark) {
		return nil, nil, errors.New("proto: string field contains invalid UTF-8")
	}
	prefix, err := shim.CreateCompositeKey(object, attributes)
	if err != nil {
		return nil, nil, err
	}
	var keys []string
	for k := range s.committed {
		if strings.HasPrefix(k, prefix) && k >= bookmark {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	next := ""
	if len(keys) > int(size) {
		next = keys[size]
		keys = keys[:size]
	}
	it := &fakeIterator{stub: s, keys: keys}
	if err := s.step(func() {}); err != nil {
		return nil, nil, err
	}
	return it, &peer.QueryResponseMetadata{FetchedRecordsCount: int32(len(keys)), Bookmark: next}, nil
}

type fakeIterator struct {
	stub *fakeStub
	keys []string
}

func (it *fakeIterator) HasNext() bool { return len(it.keys) > 0 }
func (it *fakeIterator) Close() error  { return nil }
func (it *fakeIterator) Next() (*queryresult.KV, error) {
	key := it.keys[0]
	it.keys = it.keys[1:]
	err := it.stub.step(func() {})
	return &queryresult.KV{Key: key, Value: it.stub.committed[key]}, err
}
