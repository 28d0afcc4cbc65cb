// Package stall finds nodes of the channel that answer, and have stopped working for good. SmartBFT's orderers can do so: a
// decision that arrives while its view is being aborted (a change of leader, a synchronisation) leaves two goroutines waiting for
// each other. Such an orderer keeps its connections and calls itself healthy. One of four costs the channel its tolerance
// of faults, two of four stop it, and only a new start mends it.
package stall

import (
	"fmt"
	"time"

	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
)

// Reading is what one look at a node saw.
type Reading struct {
	Node    string
	Orderer bool
	Up      bool   // it answered; the rest is valid only then
	Height  uint64 // blocks that it holds
	Waiting int    // requests that an orderer has not seen in a block
}

// Finding is a node to be started again.
type Finding struct {
	Node    string
	Height  uint64
	Newest  uint64 // the greatest height that was seen in the same look
	Waiting int
	Since   time.Time // it has work, and has done none
}

func (f Finding) String() string {
	if f.Height < f.Newest {
		return fmt.Sprintf("stays at height %d of %d", f.Height, f.Newest)
	}
	return fmt.Sprintf("stays at height %d with %d requests", f.Height, f.Waiting)
}

const (
	// Patience is how long a node may have work and do none. A change of leader is over in less, even a failed one with the
	// next.
	Patience = 30 * time.Second
	// A peer that is fed by a stalled orderer stays behind with it. It leaves that orderer by itself, at the latest when the
	// orderer is started again, so peers are given more time: this many patiences.
	peerPatiences = 3
	// maxDoubled bounds the patience with a node whose restarts do not help, in first patiences.
	maxDoubled = 16
)

// Watch remembers when each node last did something. It is not safe for concurrent use.
type Watch struct {
	orderers int // that the channel has; more than two thirds have to agree
	patience time.Duration
	nodes    map[string]*node
	last     time.Time // of the last finding
}

type node struct {
	height   uint64
	since    time.Time // zero: nothing to complain of
	patience time.Duration
}

// New watch of a channel with so many orderers; patience is Patience but for tests.
func New(orderers int, patience time.Duration) *Watch {
	return &Watch{orderers: orderers, patience: patience, nodes: map[string]*node{}}
}

// Look takes the readings of one moment and names the node that ought to be started again now, at most one: the one that has
// been idle over its work for the longest. After that it is watched from anew, with twice the patience until it moves.
func (w *Watch) Look(now time.Time, readings []Reading) (Finding, bool) {
	var newest uint64
	up := 0
	for _, r := range readings {
		if r.Up {
			newest = max(newest, r.Height)
		}
		if r.Up && r.Orderer {
			up++
		}
	}
	quorum := up >= fabricproof.Quorum(w.orderers)
	var worst Finding
	for _, r := range readings {
		n := w.nodes[r.Node]
		if n == nil {
			n = &node{patience: w.first(r)}
			w.nodes[r.Node] = n
		}
		if !r.Up {
			n.since = time.Time{} // dead or frozen is not stalled, and is the business of others
			continue
		}
		if r.Height != n.height {
			n.height, n.since, n.patience = r.Height, time.Time{}, w.first(r)
		}
		switch {
		case r.Height < newest, r.Orderer && r.Waiting > 0 && quorum:
			if n.since.IsZero() {
				n.since = now
			}
		default: // nothing to do, or too few are there to do it
			n.since = time.Time{}
			continue
		}
		if now.Sub(n.since) >= n.patience && (worst.Node == "" || n.since.Before(worst.Since)) {
			worst = Finding{r.Node, r.Height, newest, r.Waiting, n.since}
		}
	}
	// A restart may mend the others too: they get half a patience for it.
	if worst.Node == "" || now.Sub(w.last) < w.patience/2 {
		return Finding{}, false
	}
	w.last = now
	n := w.nodes[worst.Node]
	n.since, n.patience = time.Time{}, min(2*n.patience, maxDoubled*w.patience)
	return worst, true
}

// first patience with a node.
func (w *Watch) first(r Reading) time.Duration {
	if r.Orderer {
		return w.patience
	}
	return peerPatiences * w.patience
}
