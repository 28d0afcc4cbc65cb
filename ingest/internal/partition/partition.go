// Package partition keeps an instance to the partitions that the ledger says are its own.
//
// Each of an operator's instances serves some partitions of the MQTT topics. Who serves which is one record on the ledger, with an epoch. An
// instance claims its own when it starts, and looks at the record before each anchor, which names the epoch. So two instances that were given
// the same partitions by mistake, and one that slept while another took its place, learn of each other, and nothing that either has acknowledged is lost.
package partition

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/trackseal/trackseal/internal/ledger"
)

// Ledger is the channel, as the ingest user of the operator.
type Ledger interface {
	ledger.Submitter
	ledger.Evaluator
	MSP() string
}

// Config of an instance's partitions.
type Config struct {
	Ledger Ledger
	Ingest string         // the instance, without its life
	Ranges []ledger.Range // in their order; none = it claims none
	Log    *slog.Logger
}

// ErrTaken: another instance serves some of the partitions, or they were taken from this one. What this one has acknowledged it still brings to
// the ledger, and it takes nothing more.
var ErrTaken = errors.New("these partitions are not served here")

// ErrEnded: the organisation has left the network or was evicted, so nothing that is acknowledged here could be anchored.
var ErrEnded = errors.New("the ledger takes nothing more from here")

// Partitions are those of one instance.
type Partitions struct {
	cfg Config

	mu      sync.Mutex
	claimed bool // the ledger has had them as this instance's, since the start
	taken   error
}

// New makes the partitions of an instance; it asks nobody.
func New(cfg Config) *Partitions { return &Partitions{cfg: cfg} }

// tries bounds how often a claim meets another one.
const tries = 5

// Claim makes the partitions this instance's, unless they are. The error is ErrTaken, with who serves them, when others do; take takes them over.
func (p *Partitions) Claim(ctx context.Context, take bool) (ledger.Serving, error) {
	for try := 1; ; try++ {
		s, err := p.read(ctx)
		if err == nil && !(p.owns(s) && p.all(s)) {
			if others := s.Others(p.cfg.Ingest, p.cfg.Ranges); len(others) > 0 && !take {
				err = taken(others)
				p.note(err)
				return s, err
			}
			s, _, err = ledger.PartitionClaim.Do(ctx, p.cfg.Ledger, ledger.ClaimArgs{Ingest: p.cfg.Ingest, Ranges: p.cfg.Ranges, Epoch: s.Epoch, Take: take})
		}
		if err == nil {
			p.note(nil)
			return s, nil
		}
		// Another claim came first, or the answer to this one got lost: the record says which.
		if again := ledger.CodeOf(err) == ledger.Conflict || ledger.LostRace(err) || errors.Is(err, ledger.ErrCommitUnknown); !again || try == tries {
			return s, err
		}
	}
}

// Look asks the ledger who serves which partitions, and gives the epoch for an anchor. It claims them when that was not possible before.
func (p *Partitions) Look(ctx context.Context) (epoch uint64, err error) {
	p.mu.Lock()
	claim, before := !p.claimed && p.taken == nil && len(p.cfg.Ranges) > 0, p.taken
	p.mu.Unlock()
	defer func() {
		switch now := p.Taken(); {
		case before == nil && now != nil:
			p.cfg.Log.Error("nothing more is acknowledged here; what was is stored, and anchored where the ledger takes it", "err", now)
		case before != nil && now == nil:
			p.cfg.Log.Info("the partitions are served here again")
		}
	}()
	if claim {
		s, err := p.Claim(ctx, false)
		if err != nil && !errors.Is(err, ErrTaken) {
			return 0, fmt.Errorf("claim partitions: %w", err)
		}
		return s.Epoch, nil
	}
	s, err := p.read(ctx)
	if err != nil {
		return 0, err
	}
	if p.owns(s) {
		p.note(nil)
	} else {
		p.note(taken(s.Others(p.cfg.Ingest, p.cfg.Ranges)))
	}
	return s.Epoch, nil
}

// Taken says why nothing more may be acknowledged here, an error that wraps ErrTaken or ErrEnded; nil while the partitions are this instance's, or nobody
// has said otherwise.
func (p *Partitions) Taken() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken
}

func (p *Partitions) read(ctx context.Context) (ledger.Serving, error) {
	s, err := ledger.ServingOf(ctx, p.cfg.Ledger, p.cfg.Ledger.MSP())
	if ledger.CodeOf(err) == ledger.Forbidden { // only to who is no member any more
		err = fmt.Errorf("%w: %w", ErrEnded, err)
		p.note(err)
	}
	return s, err
}

// all reports whether the record gives this instance nothing beside its partitions: what its configuration has no more is free for another one.
func (p *Partitions) all(s ledger.Serving) bool {
	n, own := 0, 0
	for _, r := range s.Of(p.cfg.Ingest) {
		n += r.To - r.From + 1
	}
	for _, r := range p.cfg.Ranges {
		own += r.To - r.From + 1
	}
	return n == own
}

// owns reports whether each of the instance's partitions is its own in the record, which may join ranges that the configuration has apart.
func (p *Partitions) owns(s ledger.Serving) bool {
	var own [ledger.MaxPartition + 1]bool
	for _, r := range s.Of(p.cfg.Ingest) {
		for i := r.From; i <= r.To; i++ {
			own[i] = true
		}
	}
	for _, r := range p.cfg.Ranges {
		for i := r.From; i <= r.To; i++ {
			if !own[i] {
				return false
			}
		}
	}
	return true
}

func (p *Partitions) note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken, p.claimed = err, p.claimed || err == nil
}

func taken(others []ledger.ServedRange) error {
	if len(others) == 0 {
		return fmt.Errorf("%w: they were given up, or freed when this instance was retired", ErrTaken)
	}
	who := make([]string, len(others))
	for i, r := range others {
		who[i] = fmt.Sprintf("%s serves %s", r.Ingest, ledger.Range{From: r.From, To: r.To})
	}
	return fmt.Errorf("%w: %s", ErrTaken, strings.Join(who, ", "))
}

// Ranges are the partitions of a configuration as the ledger has them.
func Ranges(own [ledger.MaxPartition + 1]bool) []ledger.Range {
	var all []ledger.Range
	for i, is := range own {
		switch {
		case !is:
		case i > 0 && own[i-1]:
			all[len(all)-1].To = i
		default:
			all = append(all, ledger.Range{From: i, To: i})
		}
	}
	return all
}
