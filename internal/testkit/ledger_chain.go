package testkit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/ledger"
)

// chain is the state and the blocks behind a Ledger: one block per transaction, block 0 is the genesis block.
type chain struct {
	now   func() time.Time
	rules Rules

	mu      sync.Mutex
	still   bool // nobody renews the beat
	state   contract.Map
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

func newChain(rules Rules, now func() time.Time) *chain {
	return &chain{
		now:     now,
		rules:   rules,
		state:   founded(),
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

// run runs one transaction as the identity who and, when commit is set, makes a block of it.
func (c *chain) run(who contract.Call, fn string, arg []byte, commit bool) (ledger.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	who.Channel, who.Tx, who.TimeMS = ledger.Channel, c.txID(), c.now().UnixMilli()
	if commit && !c.still {
		if err := c.beat(who.TimeMS); err != nil {
			return ledger.Result{}, err
		}
	}
	answer, err := c.rules(c.state, who, fn, arg)
	if err != nil {
		return ledger.Result{}, err
	}
	result := ledger.Result{TxID: who.Tx, Payload: answer.Payload}
	if commit {
		c.state.Commit(answer)
		b := &block{tx: who.Tx, fn: fn, event: answer.Event, payload: answer.Payload}
		c.append(b)
		result.Block = b.number
	}
	return result, nil
}

// beat renews the beat when it is far from a time, as the nodes of a network do between its transactions. No block tells of it.
func (c *chain) beat(ms int64) error {
	if raw := c.state[ledger.BeatKey()]; raw != nil {
		var b ledger.Beat
		if err := ledger.Decode(raw, &b); err != nil {
			return err
		}
		if off := ms - b.TimeMS; -ledger.BeatEveryMS <= off && off <= ledger.BeatEveryMS {
			return nil
		}
	}
	raw, err := ledger.Encode(ledger.Beat{TimeMS: ms, By: Founders[0].MSP, Tx: c.txID()})
	c.state[ledger.BeatKey()] = raw
	return err
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
	c.tell()
}

// wake makes waiting streams look around.
func (c *chain) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tell()
}

// tell needs mu.
func (c *chain) tell() {
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
