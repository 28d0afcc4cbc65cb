package node

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/service"
)

// Caller is who makes a request.
type Caller struct {
	Member  string // name
	MSP     string
	Role    string // of the contract: contract.Operator or contract.Ingest
	Subject string // of the certificate
}

// Why a caller is not known.
var (
	// ErrNoToken: the request has none of a node's.
	ErrNoToken = errors.New("send Authorization: " + Scheme + " <token>, signed by a member's ledger identity")
	// ErrRefused: the text tells the caller what is wrong with the token.
	ErrRefused = errors.New("the node's token is not valid")
	// ErrUnavailable: the ledger has not been read, or not for long.
	ErrUnavailable = errors.New("the ledger's members cannot be looked up")
)

const (
	every  = 30 * time.Second // the configuration and the members change rarely
	retry  = time.Second
	maxAge = 10 * time.Minute // of what was read: who was revoked meanwhile must not stay
)

// Ledger is read at one organisation's own peer: another's could name authorities of its own.
type Ledger interface {
	ledger.PeerEvaluator
	// ConfigBlock is the channel's newest configuration block, as the organisation's peer has it.
	ConfigBlock(ctx context.Context, org string) ([]byte, error)
}

// Callers knows the members and their authorities as the ledger has them, and who they are that call. Safe for concurrent use.
type Callers struct {
	Ledger Ledger
	Org    string // whose peer is asked
	Self   string // the audience that this node is to callers
	Log    *slog.Logger
	Now    func() time.Time

	known atomic.Pointer[book]
}

// book is what the ledger said at one look.
type book struct {
	channel *fabricproof.Config
	members map[string]string // MSP id -> name
	at      time.Time
}

// Run keeps what is known fresh until ctx ends.
func (c *Callers) Run(ctx context.Context) error {
	for {
		wait := every
		if err := c.Load(ctx); err != nil && ctx.Err() == nil {
			c.Log.WarnContext(ctx, "cannot read who may call from the ledger; trying again", "error", err)
			wait = retry
		}
		if !service.Pause(ctx, wait) {
			return nil
		}
	}
}

// Load reads the channel's configuration and the members once.
func (c *Callers) Load(ctx context.Context) error {
	b := &book{members: map[string]string{}, at: c.Now()}
	raw, err := c.Ledger.ConfigBlock(ctx, c.Org)
	if err != nil {
		return err
	}
	block, err := fabricproof.DecodeBlock(raw)
	if err != nil {
		return err
	}
	if b.channel, err = fabricproof.DecodeConfig(block); err != nil {
		return err
	}
	for m, err := range ledger.MemberList.Each(ctx, ledger.At(c.Ledger, c.Org), "") {
		if err != nil {
			return err
		}
		if m.InForce() {
			b.members[m.MSP] = m.Name
		}
	}
	c.known.Store(b)
	return nil
}

// Who makes a request. The error is ErrNoToken, ErrRefused or ErrUnavailable. A body that the token names is read here, once its caller is
// known, and stands in the request again.
func (c *Callers) Who(r *http.Request) (Caller, error) {
	given, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(given, Scheme) || text == "" {
		return Caller{}, ErrNoToken
	}
	b, now := c.known.Load(), c.Now()
	if b == nil || now.Sub(b.at) > maxAge {
		return Caller{}, ErrUnavailable
	}
	t, err := read(text)
	if err == nil && (r.ContentLength != 0) != (t.Body != "") {
		err = errors.New("made for another body, or for none")
	}
	if err == nil {
		err = t.fits(c.Self, r.Method, r.RequestURI, now)
	}
	if err != nil {
		return Caller{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	who, err := b.caller(t, now)
	if err == nil && t.Body != "" {
		err = carry(r, t.Body)
	}
	if err != nil {
		return Caller{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return who, nil
}

// carry reads the body, if it is the one that the token was made for.
func carry(r *http.Request, want string) error {
	body, err := take(r)
	if err != nil {
		return err
	}
	if digest(body) != want {
		return errors.New("made for another body")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

func (b *book) caller(t token, now time.Time) (Caller, error) {
	s, err := t.signer(b.channel, now)
	if err != nil {
		return Caller{}, err
	}
	who := Caller{MSP: s.MSP, Member: b.members[s.MSP], Role: roleOf(s.Cert), Subject: s.Cert.Subject.String()}
	switch {
	case who.Member == "":
		return Caller{}, fmt.Errorf("%s is no member of the network", s.MSP)
	case who.Role != contract.Operator && who.Role != contract.Ingest:
		return Caller{}, fmt.Errorf("the certificate needs the attribute %s=%s or %s", contract.RoleAttribute, contract.Operator, contract.Ingest)
	}
	return who, nil
}

// attributes is the certificate extension in which an identity's attributes are, for the chaincode as well.
const attributes = "1.2.3.4.5.6.7.8.1"

// roleOf reads the attribute as the chaincode does; "" when there is none.
func roleOf(c *x509.Certificate) string {
	for _, e := range c.Extensions {
		if e.Id.String() != attributes {
			continue
		}
		var v struct {
			Attrs map[string]string `json:"attrs"`
		}
		if json.Unmarshal(e.Value, &v) != nil {
			return ""
		}
		return v.Attrs[contract.RoleAttribute]
	}
	return ""
}
