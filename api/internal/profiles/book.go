package profiles

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"sync"

	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/profile"
)

// Book finds profiles: those that come with the programs, and those in the ledger's registry. A published version never changes, so it is
// asked for once.
type Book struct {
	ledger records.Ledger
	names  *members.Directory
	mu     sync.Mutex
	known  map[string]entry
	size   int
}

type entry struct {
	p *profile.Profile
	v Profile
}

// maxKnown bounds what is kept, in bytes of documents.
const maxKnown = 32 << 20

// NewBook knows the ready ones at first.
func NewBook(l records.Ledger, names *members.Directory) *Book {
	return &Book{ledger: l, names: names, known: map[string]entry{}}
}

// Find gives a profile by its id@version; the error is NOT_FOUND when there is none, CONFLICT when this program cannot read it.
func (b *Book) Find(ctx context.Context, ref string) (*profile.Profile, Profile, error) {
	if p, ok := profile.Find(ref); ok {
		v := show(p)
		v.Builtin = true
		return p, v, nil
	}
	if _, _, ok := ledger.SplitRef(ref); !ok {
		return nil, Profile{}, rest.NotFound("profile", ref)
	}
	b.mu.Lock()
	e, ok := b.known[ref]
	b.mu.Unlock()
	if ok {
		return e.p, e.v, nil
	}
	record, err := ledger.ProfileGet.Ask(ctx, b.ledger, ledger.RefArgs{Ref: ref})
	if ledger.CodeOf(err) == ledger.NotFound {
		return nil, Profile{}, rest.NotFound("profile", ref)
	}
	if err != nil {
		return nil, Profile{}, err
	}
	p, err := profile.Parse(record.Document)
	if err == nil {
		if h := p.Hash(); hex.EncodeToString(h[:]) != record.Hash || p.Ref() != ref || !bytes.Equal(p.Canonical(), record.Document) {
			err = fmt.Errorf("its hash or name differs")
		}
	}
	if err != nil {
		// Chaincode of a newer version may accept what this program cannot read; half of it would read something else.
		return nil, Profile{}, &ledger.Error{Code: ledger.Conflict, Message: fmt.Sprintf("profile %s cannot be read by this version: %v", ref, err)}
	}
	e = entry{p, b.published(show(p), record)}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.size += len(record.Document); b.size > maxKnown {
		clear(b.known)
		b.size = len(record.Document)
	}
	b.known[ref] = e
	return e.p, e.v, nil
}

// published adds what the ledger says of a profile.
func (b *Book) published(v Profile, r ledger.Profile) Profile {
	v.Publisher, v.PublishedAt, v.Tx = rest.OrNull(b.names.Name(r.Publisher)), rest.InstantOrNull(r.TimeMS), rest.OrNull(r.Tx)
	return v
}

func refOf(r ledger.Profile) string { return r.ID + "@" + strconv.Itoa(r.Version) }
