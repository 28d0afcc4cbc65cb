package testkit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
)

// chain is the state and the blocks behind a Ledger: one block per transaction, block 0 is the genesis block.
type chain struct {
	now func() time.Time

	mu      sync.Mutex
	state   map[string]json.RawMessage
	blocks  []*block
	txs     map[string]*block
	nonce   uint64
	changed chan struct{} // closed and replaced at each block
}

type block struct {
	number  uint64
	tx      string
	fn      string
	code    int32
	event   string
	payload []byte
}

// events are those that a client may see: none of an invalid transaction.
func (b *block) events() []ledger.Event {
	if b.code != 0 || b.event == "" {
		return nil
	}
	return []ledger.Event{{Block: b.number, TxID: b.tx, Name: b.event, Payload: slices.Clone(b.payload)}}
}

func newChain(now func() time.Time) *chain {
	return &chain{
		now:     now,
		state:   map[string]json.RawMessage{},
		blocks:  []*block{{}},
		txs:     map[string]*block{},
		changed: make(chan struct{}),
	}
}

func (c *chain) newTxID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.txID()
}

func (c *chain) txID() string {
	c.nonce++
	h := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("fake transaction "), c.nonce))
	return hex.EncodeToString(h[:])
}

func (c *chain) submit(msp, role, fn string, arg []byte) (ledger.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	tx := c.begin(msp, role)
	answer, err := tx.run(fn, arg)
	if err != nil {
		return ledger.Result{}, err
	}
	// Nothing of a refused transaction may stay, hence writes become state only here.
	for key, value := range tx.writes {
		c.state[key] = value
	}
	b := &block{tx: tx.id, fn: fn, event: tx.event, payload: tx.payload}
	c.append(b)
	return ledger.Result{TxID: tx.id, Block: b.number, Payload: answer}, nil
}

func (c *chain) evaluate(msp, role, fn string, arg []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.begin(msp, role).run(fn, arg)
}

// invalid puts a transaction on the chain that changed nothing.
func (c *chain) invalid(tx string, code int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.append(&block{tx: tx, code: code})
}

func (c *chain) append(b *block) {
	b.number = uint64(len(c.blocks))
	c.blocks = append(c.blocks, b)
	c.txs[b.tx] = b
	close(c.changed)
	c.changed = make(chan struct{})
}

// wake makes waiting streams look around.
func (c *chain) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.changed)
	c.changed = make(chan struct{})
}

// since returns the blocks from number from on, the height and a channel that is closed at the next change.
func (c *chain) since(from uint64) ([]*block, uint64, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	height := uint64(len(c.blocks))
	if from >= height {
		return nil, height, c.changed
	}
	return slices.Clone(c.blocks[from:]), height, c.changed
}

func (c *chain) byTx(id string) *block {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.txs[id]
}

func (c *chain) height() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return uint64(len(c.blocks))
}

func (c *chain) count(fn string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, b := range c.blocks[1:] {
		if b.code == 0 && (fn == "" || b.fn == fn) {
			n++
		}
	}
	return n
}

// tx is one transaction under way. It holds the chain's lock.
type tx struct {
	chain   *chain
	id      string
	msp     string
	role    string // "" = may do everything
	ms      int64
	writes  map[string]json.RawMessage
	event   string
	payload []byte
}

func (c *chain) begin(msp, role string) *tx {
	return &tx{chain: c, id: c.txID(), msp: msp, role: role, ms: c.now().UnixMilli(), writes: map[string]json.RawMessage{}}
}

// run finds fn's contract and answers JSON.
func (t *tx) run(fn string, arg []byte) ([]byte, error) {
	handler, ok := contract[fn]
	if !ok {
		return nil, refuse(ledger.Invalid, "function %q does not exist", fn)
	}
	answer, err := handler(t, arg)
	if err != nil {
		return nil, err
	}
	return ledger.Encode(answer)
}

// emit sets the transaction's one event.
func (t *tx) emit(name string, record any) error {
	payload, err := ledger.Encode(record)
	t.event, t.payload = name, payload
	return err
}

func (t *tx) has(key string) bool {
	_, ok := t.chain.state[key]
	return ok
}

func (t *tx) get(key string, record any) bool {
	raw, ok := t.chain.state[key]
	return ok && json.Unmarshal(raw, record) == nil
}

func (t *tx) put(key string, record any) error {
	raw, err := json.Marshal(record)
	t.writes[key] = raw
	return err
}

// list pages through the records below prefix in the order of their keys.
func list[T any](t *tx, prefix string, q ledger.ListArgs, keep func(T) bool) (ledger.Page[T], error) {
	page := ledger.Page[T]{Items: []T{}}
	if q.Limit == 0 {
		q.Limit = ledger.DefaultLimit
	}
	if q.Bookmark != "" && !strings.HasPrefix(q.Bookmark, prefix) {
		return page, refuse(ledger.Invalid, "bookmark is not one that this listing gave")
	}
	var keys []string
	for key := range t.chain.state {
		if strings.HasPrefix(key, prefix) && key > q.Bookmark {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		var record T
		if err := json.Unmarshal(t.chain.state[key], &record); err != nil {
			return page, err
		}
		if keep != nil && !keep(record) {
			continue
		}
		if len(page.Items) == q.Limit {
			return page, nil
		}
		page.Items = append(page.Items, record)
		page.Bookmark = key
	}
	page.Bookmark = ""
	return page, nil
}
