package intake

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
)

// errWho: nothing proves that the request is of one of our trackers. All reasons are one, so that nobody learns which trackers there are.
var errWho = errors.New("not proven")

const (
	wrongSecret  = "the tracker or its secret is wrong: send Basic, Bearer or X-Trackseal-Secret with the tracker's secret, or an HMAC of the body in the header that its intake secret names, with ?tracker="
	secretHeader = "X-Trackseal-Secret"
	longestProof = 512 // a secret or a signature
)

var trackerID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// sender is the tracker whose message it is.
func (s *Resource) sender(ctx context.Context, in *input) (ledger.Tracker, error) {
	id, secret, err := given(in)
	if err != nil {
		return ledger.Tracker{}, err
	}
	if secret == "" {
		return s.signed(ctx, in)
	}
	sum := sha256.Sum256([]byte(secret))
	hash := hex.EncodeToString(sum[:])
	if id == "" {
		if id, err = s.known.bySecret(ctx, hash); err != nil {
			return ledger.Tracker{}, err
		}
	}
	t, err := s.ours(ctx, id)
	if err != nil {
		return t, err
	}
	if subtle.ConstantTimeCompare([]byte(t.SecretHash), []byte(hash)) != 1 {
		return ledger.Tracker{}, errWho
	}
	return t, nil
}

// given are id and secret as the request has them, "" where it has none. Two that differ are refused: each reader could take another.
func given(in *input) (id, secret string, err error) {
	id = in.Tracker
	take := func(name, password string) {
		if len(password) > longestProof || password == "" || name != "" && id != "" && name != id || secret != "" && secret != password {
			err = errWho
		}
		if name != "" {
			id = name
		}
		secret = password
	}
	for _, h := range in.header.Values("Authorization") {
		scheme, rest, _ := strings.Cut(h, " ")
		switch {
		case strings.EqualFold(scheme, "Basic"):
			name, password, ok := (&http.Request{Header: http.Header{"Authorization": {h}}}).BasicAuth()
			if !ok || name == "" {
				return "", "", errWho
			}
			take(name, password)
		case strings.EqualFold(scheme, "Bearer"):
			take("", strings.TrimSpace(rest))
		default:
			return "", "", errWho
		}
	}
	for _, h := range in.header.Values(secretHeader) {
		take("", strings.TrimSpace(h))
	}
	return id, secret, err
}

// signed checks an HMAC of the body. That somebody sends the same message again is what the duplicate rule is for.
func (s *Resource) signed(ctx context.Context, in *input) (ledger.Tracker, error) {
	if in.Tracker == "" || !trackerID.MatchString(in.Tracker) {
		return ledger.Tracker{}, errWho
	}
	secret, ok, err := s.secrets.of(in.Tracker)
	if err != nil {
		return ledger.Tracker{}, err
	}
	if !ok { // as much work as for one that is there
		secret = intakeSecret{Header: defaultHeader, Secret: "none"}
	}
	h := hmac.New(sha256.New, []byte(secret.Secret))
	h.Write(in.RawBody)
	if values := in.header.Values(secret.Header); len(values) != 1 || !sameMAC(values[0], h.Sum(nil)) || !ok {
		return ledger.Tracker{}, errWho
	}
	return s.ours(ctx, in.Tracker)
}

// sameMAC compares a signature as platforms write it: sha256=hex, hex, or base64.
func sameMAC(text string, mac []byte) bool {
	text = strings.TrimSpace(text)
	if len(text) > longestProof {
		return false
	}
	if name, rest, ok := strings.Cut(text, "="); ok && strings.EqualFold(name, "sha256") {
		text = rest
	}
	if len(text) == 2*len(mac) {
		got, err := hex.DecodeString(text)
		return err == nil && hmac.Equal(got, mac)
	}
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if got, err := e.DecodeString(text); err == nil {
			return hmac.Equal(got, mac)
		}
	}
	return false
}

// ours is the record of a tracker of this organisation that is in force.
func (s *Resource) ours(ctx context.Context, id string) (ledger.Tracker, error) {
	if !trackerID.MatchString(id) {
		return ledger.Tracker{}, errWho
	}
	t, err := s.known.get(ctx, id)
	if code := ledger.CodeOf(err); code == ledger.Forbidden || code == ledger.NotFound || err == nil && (t.Owner != s.MSP || t.RevokedMS != 0) {
		return ledger.Tracker{}, errWho
	}
	return t, err
}

// known are trackers as the ledger had them some seconds ago: a webhook asks for the same one again and again.
type known struct {
	ledger ledger.Evaluator
	msp    string
	now    func() time.Time

	mu      sync.Mutex
	records map[string]record

	listing  sync.Mutex
	bySHA256 map[string]string // secret's hash to tracker
	listed   time.Time
}

type record struct {
	tracker ledger.Tracker
	until   time.Time
}

const (
	keepRecord = 3 * time.Second
	mostKept   = 10_000
	listAgain  = 10 * time.Second // after which an unknown secret may be that of a new tracker
)

func newKnown(l ledger.Evaluator, msp string, now func() time.Time) *known {
	return &known{ledger: l, msp: msp, now: now, records: map[string]record{}}
}

func (k *known) get(ctx context.Context, id string) (ledger.Tracker, error) {
	k.mu.Lock()
	r, ok := k.records[id]
	k.mu.Unlock()
	if ok && k.now().Before(r.until) {
		return r.tracker, nil
	}
	t, err := ledger.TrackerGet.Ask(ctx, k.ledger, ledger.TrackerArgs{ID: id})
	if err != nil {
		return t, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.records) >= mostKept {
		clear(k.records)
	}
	k.records[id] = record{t, k.now().Add(keepRecord)}
	return t, nil
}

// bySecret is whose secret has this hash. All of our trackers are listed for a secret that is new, once in a while, however many come.
func (k *known) bySecret(ctx context.Context, hash string) (string, error) {
	k.listing.Lock()
	defer k.listing.Unlock()
	id, ok := k.bySHA256[hash]
	if !ok && k.now().Sub(k.listed) >= listAgain {
		all := map[string]string{}
		for t, err := range ledger.TrackerList.Each(ctx, k.ledger, "") {
			if err != nil {
				return "", err
			}
			if t.Owner == k.msp && t.SecretHash != "" && t.RevokedMS == 0 {
				all[t.SecretHash] = t.ID
			}
		}
		k.bySHA256, k.listed = all, k.now()
		id, ok = all[hash]
	}
	if !ok {
		return "", errWho
	}
	return id, nil
}
