// Package members knows who the network's members are, as the ledger tells it.
package members

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
)

const (
	every = 10 * time.Second // members change rarely, and who moves should be found soon
	retry = time.Second      // after a failure, and while there is no member
)

// Ledger is what the directory is read from.
type Ledger interface {
	Evaluate(ctx context.Context, fn string, arg any) ([]byte, error)
}

// Directory holds the members in memory, so that showing a name asks nobody. Safe for concurrent use.
type Directory struct {
	ledger Ledger
	log    *slog.Logger
	known  atomic.Pointer[book]
}

// book is the members at one look.
type book struct {
	all    []ledger.Member // by name
	byMSP  map[string]string
	byName map[string]ledger.Member
}

// New makes a directory that is empty until Run or Load.
func New(l Ledger, log *slog.Logger) *Directory {
	d := &Directory{ledger: l, log: log}
	d.known.Store(&book{})
	return d
}

// Run keeps the directory fresh until ctx ends.
func (d *Directory) Run(ctx context.Context) error {
	for {
		wait := every
		if err := d.Load(ctx); err != nil && ctx.Err() == nil {
			d.log.Warn("cannot read the members", "error", err)
			wait = retry
		}
		if len(d.All()) == 0 {
			wait = retry
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// Load reads all members once.
func (d *Directory) Load(ctx context.Context) error {
	b := &book{byMSP: map[string]string{}, byName: map[string]ledger.Member{}}
	for m, err := range ledger.MemberList.Each(ctx, d.ledger, "") {
		if err != nil {
			return err
		}
		b.all = append(b.all, m)
		b.byMSP[m.MSP], b.byName[m.Name] = m.Name, m
	}
	d.known.Store(b)
	return nil
}

// All members by name. The caller does not change the list.
func (d *Directory) All() []ledger.Member { return d.known.Load().all }

// Name of the member with an MSP id; of one that is no member the MSP id itself.
func (d *Directory) Name(msp string) string {
	if name, ok := d.known.Load().byMSP[msp]; ok {
		return name
	}
	return msp
}

// Find gives the member of a name; the error is the ledger's NOT_FOUND when there is none. It asks the ledger for one that is
// not in the directory: it may be new.
func (d *Directory) Find(ctx context.Context, name string) (ledger.Member, error) {
	if m, ok := d.known.Load().byName[name]; ok {
		return m, nil
	}
	return ledger.MemberGet.Ask(ctx, d.ledger, ledger.NameArgs{Name: name})
}

// Check reports whether the ledger knows the organisation with this MSP id under this name.
func (d *Directory) Check(name, msp string) error {
	switch known := d.Name(msp); {
	case len(d.All()) == 0:
		return errors.New("the members are not known yet")
	case known != name:
		return fmt.Errorf("org %q: on the ledger the member with MSP %s is %q", name, msp, known)
	}
	return nil
}
