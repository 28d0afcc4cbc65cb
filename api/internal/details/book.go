// Package details keeps what the parties of a shipment write: it stays off the ledger, whose records hold its hashes, and travels
// between the parties' nodes. A node writes down what it makes before the transaction that names it is sent; what no transaction
// names in the end is never asked for.
package details

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/state"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Node is another member's node.
type Node interface {
	// Details are the bytes with this hash that it keeps for a shipment. The error is ErrNone when it has none for us.
	Details(ctx context.Context, shipment, hash string) ([]byte, error)
}

// ErrNone is what a node answers that has no such details, or that does not know us as a party.
var ErrNone = errors.New("the node has no such details")

// Config of a book. All members must be set.
type Config struct {
	MSP     string // whose node this is
	Kept    *state.Tenant
	Nodes   func(member string) Node // of now; nil when none is known
	Members *members.Directory
	Ledger  ledger.Evaluator // as this organisation
	Log     *slog.Logger
	Now     func() time.Time
}

// Book is what one node keeps. Safe for concurrent use.
type Book struct {
	Config
	written chan string // shipments
	behind  atomic.Bool // not all of them were told

	mu    sync.Mutex
	until map[string]time.Time // what could not be had, and the nodes that did not answer, are not asked again before
}

const (
	askTime = 2 * time.Second
	rest    = 15 * time.Second // of what could not be had
	most    = 10_000           // things that rest
)

// New is a book over what is kept.
func New(cfg Config) *Book {
	b := &Book{Config: cfg, written: make(chan string, 256), until: map[string]time.Time{}}
	b.behind.Store(true)
	return b
}

func key(shipment, hash string) []byte { return []byte(shipment + "/" + hash) }

// Keep seals details of a shipment with a new salt, and returns their hash when they are on disk.
func (b *Book) Keep(shipment string, d ledger.Details) (string, error) {
	var salt [ledger.SaltSize]byte
	rand.Read(salt[:])
	raw, hash, err := d.Seal(salt)
	if err != nil {
		return "", err
	}
	return hash, b.Kept.Set(key(shipment, hash), raw)
}

// Raw are the bytes of details that this node has, nil when it has none.
func (b *Book) Raw(shipment, hash string) ([]byte, error) { return b.Kept.Get(key(shipment, hash)) }

// Read gives the details of a shipment with a hash, which the member with the MSP id by wrote: those that are here, else the writer's,
// else any other party's. It is false when nobody gives them now.
func (b *Book) Read(ctx context.Context, shipment, by, hash string) (ledger.Details, bool) {
	raw, err := b.Raw(shipment, hash)
	if err == nil && raw != nil {
		d, err := ledger.OpenDetails(raw, hash)
		if err == nil {
			return d, true
		}
		b.Log.ErrorContext(ctx, "details on disk are damaged; asking for them again", "shipment", shipment, "hash", hash, "error", err)
	}
	if err != nil {
		b.Log.ErrorContext(ctx, "details cannot be read from disk", "shipment", shipment, "error", err)
	}
	wanted := shipment + "/" + hash
	if b.resting(wanted) {
		return ledger.Details{}, false
	}
	if d, ok := b.ask(ctx, by, shipment, hash); ok {
		return d, true
	}
	if r, err := ledger.ShipmentGet.Ask(ctx, b.Ledger, ledger.IDArgs{ID: shipment}); err == nil {
		for _, msp := range slices.DeleteFunc(r.Parties.MSPs(), func(msp string) bool { return msp == by }) {
			if d, ok := b.ask(ctx, msp, shipment, hash); ok {
				return d, true
			}
		}
	}
	if ctx.Err() == nil {
		b.let(wanted)
	}
	return ledger.Details{}, false
}

// ask asks one member's node, and keeps what it gives.
func (b *Book) ask(ctx context.Context, msp, shipment, hash string) (d ledger.Details, ok bool) {
	member := b.Members.Name(msp)
	if msp == b.MSP || b.resting(member) {
		return d, false
	}
	node := b.Nodes(member)
	if node == nil {
		return d, false
	}
	asked := ctx
	ctx, cancel := context.WithTimeout(asked, askTime)
	defer cancel()
	raw, err := node.Details(ctx, shipment, hash)
	if err == nil {
		if d, err = ledger.OpenDetails(raw, hash); err == nil {
			if err = b.Kept.Set(key(shipment, hash), raw); err != nil {
				b.Log.ErrorContext(ctx, "details were not kept", "shipment", shipment, "error", err)
			}
			return d, true
		}
	}
	b.Log.DebugContext(ctx, "a node does not give details", "node", member, "shipment", shipment, "hash", hash, "error", err)
	if asked.Err() == nil && !errors.Is(err, ErrNone) {
		b.let(member)
	}
	return ledger.Details{}, false
}

func (b *Book) resting(what string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Now().Before(b.until[what])
}

// let rests something.
func (b *Book) let(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.until) >= most {
		clear(b.until)
	}
	b.until[what] = b.Now().Add(rest)
}
