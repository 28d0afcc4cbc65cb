package node_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/node"
	"github.com/trackseal/trackseal/internal/node/nodetest"
)

const (
	self   = "carrier.ingest"
	target = "/v1/logs?shipment=carrier.S-1"
)

// call sends one request to a node through a Transport, and gives what arrived there.
func call(t *testing.T, tr *node.Transport, method, path string) *http.Request {
	t.Helper()
	var came *http.Request
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { came = r }))
	defer s.Close()
	tr.Through = s.Client().Transport
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return came
}

func TestMembersAreKnown(t *testing.T) {
	channel := nodetest.New()
	callers := channel.Callers(self)
	for _, c := range []struct{ org, msp, role string }{
		{"shipper", "ShipperMSP", contract.Operator}, {"carrier", "CarrierMSP", contract.Ingest},
	} {
		for _, path := range []string{target, "/", "/v1/shipments/a%2Fb/seal?x=%20&&y", "/v1/x?"} {
			r := call(t, &node.Transport{Identity: channel.Identity(c.org, c.role), Audience: self, Now: nodetest.Now}, "POST", path)
			who, err := callers.Who(r)
			want := node.Caller{Member: c.org, MSP: c.msp, Role: c.role, Subject: "CN=node,OU=client"}
			if err != nil || who != want {
				t.Errorf("%s: came %+v, %v, expected %+v", path, who, err, want)
			}
		}
	}
}

// sent keeps the request that a Transport signed.
type sent struct{ r **http.Request }

func (s sent) RoundTrip(r *http.Request) (*http.Response, error) {
	*s.r = r
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
}

// Ensure that a body is the one that was signed, that one without a signed body has none, and that none is too long.
func TestBody(t *testing.T) {
	channel := nodetest.New()
	callers := channel.Callers(self)
	var r *http.Request
	tr := &node.Transport{Identity: channel.Identity("shipper", contract.Operator), Audience: self, Now: nodetest.Now, Through: sent{&r}}
	send := func(body string) *http.Request {
		t.Helper()
		out, err := http.NewRequest("POST", "http://127.0.0.1:1/v1/x", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tr.RoundTrip(out); err != nil {
			t.Fatal(err)
		}
		in := httptest.NewRequest("POST", "/v1/x", r.Body)
		in.ContentLength, in.Header = r.ContentLength, r.Header
		return in
	}
	for _, body := range []string{"", "x", strings.Repeat("x", node.MaxBody)} {
		in := send(body)
		if who, err := callers.Who(in); err != nil || who.Member != "shipper" {
			t.Errorf("a body of %d bytes: came %+v, %v", len(body), who, err)
		}
		if got, err := io.ReadAll(in.Body); err != nil || string(got) != body {
			t.Errorf("a body of %d bytes: %d arrived, %v", len(body), len(got), err)
		}
	}
	for name, change := range map[string]func(*http.Request){
		"another body":    func(in *http.Request) { in.Body = io.NopCloser(strings.NewReader("y")) },
		"no body":         func(in *http.Request) { in.Body, in.ContentLength = http.NoBody, 0 },
		"of unknown size": func(in *http.Request) { in.Body, in.ContentLength = io.NopCloser(strings.NewReader("xx")), -1 },
		"much too long":   func(in *http.Request) { in.Body = io.NopCloser(strings.NewReader(strings.Repeat("x", 2*node.MaxBody))) },
		"cannot be read":  func(in *http.Request) { in.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF)) },
		"body, none signed": func(in *http.Request) {
			*in = *send("")
			in.Body, in.ContentLength = io.NopCloser(strings.NewReader("x")), 1
		},
	} {
		in := send("x")
		change(in)
		if _, err := callers.Who(in); !errors.Is(err, node.ErrRefused) {
			t.Errorf("%s: came %v, expected that it is refused", name, err)
		}
	}
	long, _ := http.NewRequest("POST", "http://127.0.0.1:1/v1/x", strings.NewReader(strings.Repeat("x", node.MaxBody+1)))
	if _, err := tr.RoundTrip(long); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("one byte too many was sent: %v", err)
	}
}

// forged is a token as its maker likes it.
type forged struct {
	by     nodetest.Identity
	header map[string]any
	claims map[string]any
	sign   func(text []byte) []byte // nil = by's ES256
}

func (f forged) String() string {
	segment := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	text := segment(f.header) + "." + segment(f.claims)
	sign := f.sign
	if sign == nil {
		sign = func(b []byte) []byte { return raw(f.by, b) }
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(text)))
}

func der(i nodetest.Identity) []byte {
	b, _ := pem.Decode(i.ID.PEM)
	return b.Bytes
}

func x5c(ids ...nodetest.Identity) []string {
	var all []string
	for _, i := range ids {
		all = append(all, base64.StdEncoding.EncodeToString(der(i)))
	}
	return all
}

func TestAttacks(t *testing.T) {
	channel := nodetest.New()
	callers := channel.Callers(self)
	shipper := channel.Identity("shipper", contract.Operator)
	outsider := nodetest.IdentityOf(evidencetest.NewAuthority("ShipperMSP"), contract.Operator, "client")
	stranger := nodetest.IdentityOf(evidencetest.NewAuthority("StrangerMSP"), contract.Operator, "client")
	now := nodetest.Now().Unix()

	honest := func() forged {
		return forged{
			by:     shipper,
			header: map[string]any{"alg": "ES256", "typ": "trackseal-node+jwt", "x5c": x5c(shipper)},
			claims: map[string]any{"iss": "ShipperMSP", "aud": self, "iat": now, "exp": now + 30, "htm": "GET", "htu": target},
		}
	}
	as := func(i nodetest.Identity) func(*forged) {
		return func(f *forged) { f.by, f.header["x5c"] = i, x5c(i) }
	}
	claim := func(name string, v any) func(*forged) { return func(f *forged) { f.claims[name] = v } }
	head := func(name string, v any) func(*forged) { return func(f *forged) { f.header[name] = v } }
	times := func(iat, exp int64) func(*forged) {
		return func(f *forged) { f.claims["iat"], f.claims["exp"] = now+iat, now+exp }
	}
	for name, c := range map[string]struct {
		change func(*forged)
		why    string // "" = taken
	}{
		"honest":                           {func(*forged) {}, ""},
		"for another node":                 {claim("aud", "shipper.ingest"), "another node"},
		"for several nodes":                {claim("aud", []string{self, "x"}), "claims"},
		"for another path":                 {claim("htu", "/v1/logs?shipment=carrier.S-2"), "another request"},
		"for another query":                {claim("htu", target+"&x=1"), "another request"},
		"for another method":               {claim("htm", "POST"), "another request"},
		"clock ahead, within the skew":     {times(29, 59), ""},
		"clock ahead":                      {times(31, 61), "future"},
		"clock behind, within the skew":    {times(-59, -29), ""},
		"expired":                          {times(-62, -32), "expired"},
		"good for a minute":                {times(0, 60), ""},
		"good for too long":                {times(0, 61), "longer"},
		"good for too long, made long ago": {times(-3600, 30), "longer"},
		"never good":                       {times(0, -1), "never"},
		"times beyond all numbers":         {func(f *forged) { f.claims["iat"], f.claims["exp"] = int64(-1<<63), int64(-1<<63+30) }, "future"},
		"the end of time":                  {func(f *forged) { f.claims["iat"], f.claims["exp"] = now, int64(1<<63-1) }, "longer"},
		"times as text":                    {claim("exp", "30"), "claims"},
		"without an end":                   {func(f *forged) { delete(f.claims, "exp") }, "never"},
		"alg none":                         {func(f *forged) { f.header["alg"], f.sign = "none", func([]byte) []byte { return nil } }, "alg"},
		"alg HS256 with the certificate": {func(f *forged) {
			f.header["alg"], f.sign = "HS256", func(b []byte) []byte { m := hmac.New(sha256.New, der(shipper)); m.Write(b); return m.Sum(nil) }
		}, "alg"},
		"alg in another case":                 {head("alg", "es256"), "alg"},
		"an access token":                     {head("typ", "at+jwt"), "typ"},
		"certificate of a false authority":    {as(outsider), "issued by ShipperMSP"},
		"organisation outside of the channel": {func(f *forged) { as(stranger)(f); f.claims["iss"] = "StrangerMSP" }, "no organisation"},
		"iss of another member":               {claim("iss", "CarrierMSP"), "issued by CarrierMSP"},
		"iss empty":                           {claim("iss", ""), "no organisation"},
		"certificate of another member":       {head("x5c", x5c(channel.Identity("carrier", contract.Operator))), "issued by ShipperMSP"},
		"another key than the certificate's":  {func(f *forged) { f.by = channel.Identity("shipper", contract.Operator) }, "does not verify"},
		"two certificates":                    {head("x5c", x5c(shipper, shipper)), "one certificate"},
		"no certificate":                      {head("x5c", []string{}), "one certificate"},
		"no x5c":                              {func(f *forged) { delete(f.header, "x5c") }, "one certificate"},
		"x5c that is no certificate":          {head("x5c", []string{"AAAA"}), "one PEM certificate"},
		"a key in the header":                 {head("jwk", map[string]string{"kty": "EC"}), "jwk"},
		"crit":                                {head("crit", []string{"htu"}), "crit"},
		"claim that is not ours":              {claim("scope", "all"), "scope"},
		"claim in another case":               {func(f *forged) { delete(f.claims, "iss"); f.claims["ISS"] = "ShipperMSP" }, "ISS"},
		"no role":                             {as(channel.Identity("shipper", "")), "trackseal.role"},
		"role of no node":                     {as(channel.Identity("shipper", "admin")), "trackseal.role"},
		"a peer":                              {as(nodetest.IdentityOf(channel.C.Org("shipper").CA, contract.Operator, "peer")), "a peer's"},
		"two units":                           {as(nodetest.IdentityOf(channel.C.Org("shipper").CA, contract.Operator, "client", "admin")), "one role"},
		"the authority itself":                {head("x5c", []string{base64.StdEncoding.EncodeToString(channel.C.Org("shipper").CA.Cert.Raw)}), "authority"},
		"an orderer's organisation": {func(f *forged) {
			as(nodetest.IdentityOf(channel.C.Org("shipper").OrdererCA, contract.Operator, "client"))(f)
			f.claims["iss"] = channel.C.Org("shipper").OrdererMSP
		}, "no organisation"},
		"no signature":       {func(f *forged) { f.sign = func([]byte) []byte { return nil } }, "does not verify"},
		"signature in DER":   {func(f *forged) { f.sign = func(b []byte) []byte { return shipper.ID.Sign(b) } }, "does not verify"},
		"signature of zeros": {func(f *forged) { f.sign = func([]byte) []byte { return make([]byte, 64) } }, "does not verify"},
	} {
		f := honest()
		c.change(&f)
		_, err := callers.Who(request(f.String()))
		if c.why == "" && err != nil || c.why != "" && (!errors.Is(err, node.ErrRefused) || !strings.Contains(err.Error(), c.why)) {
			t.Errorf("%s: came %v, expected %q", name, err, c.why)
		}
	}

	text := honest().String()
	parts := strings.Split(text, ".")
	repeated := base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"CarrierMSP","iss":"ShipperMSP"}`))
	for name, text := range map[string]string{
		"two parts":       parts[0] + "." + parts[1],
		"four parts":      text + ".x",
		"padded":          text + "=",
		"too long":        text + strings.Repeat("A", 9<<10),
		"repeated member": parts[0] + "." + repeated + "." + parts[2],
		"another payload": parts[0] + "." + strings.Split(func() string { f := honest(); f.claims["iat"] = now - 1; return f.String() }(), ".")[1] + "." + parts[2],
		"garbage":         "%",
	} {
		if _, err := callers.Who(request(text)); !errors.Is(err, node.ErrRefused) {
			t.Errorf("%s: came %v, expected a refusal", name, err)
		}
	}
	for name, value := range map[string]string{"nothing": "", "as an access token": "Bearer " + text, "no token": "Trackseal-Node ", "no scheme": text} {
		r := request(text)
		r.Header.Set("Authorization", value)
		if _, err := callers.Who(r); !errors.Is(err, node.ErrNoToken) {
			t.Errorf("%s: came %v, expected ErrNoToken", name, err)
		}
	}
}

func request(token string) *http.Request {
	r := httptest.NewRequest("GET", target, nil)
	r.Header.Set("Authorization", "Trackseal-Node "+token)
	return r
}

// What the channel says counts from the next look on.
func TestRevokedAndRemoved(t *testing.T) {
	channel := nodetest.New()
	callers := channel.Callers(self)
	shipper := channel.Identity("shipper", contract.Operator)
	ask := func() error {
		_, err := callers.Who(call(t, &node.Transport{Identity: shipper, Audience: self, Now: nodetest.Now}, "GET", target))
		return err
	}
	if err := ask(); err != nil {
		t.Fatalf("before: %v", err)
	}
	channel.C.Revoked["ShipperMSP"] = channel.C.Org("shipper").CA.CRL(shipper.ID)
	channel.C.Configure()
	if err := callers.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := ask(); !errors.Is(err, node.ErrRefused) || !strings.Contains(err.Error(), "revocation list") {
		t.Errorf("revoked: came %v", err)
	}
	delete(channel.C.Revoked, "ShipperMSP")
	channel.C.Org("shipper").CA.MSP = "FifthMSP" // the channel has another organisation in its place, which is no member yet
	channel.C.Configure()
	if err := callers.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := ask(); !errors.Is(err, node.ErrRefused) || !strings.Contains(err.Error(), "no organisation") {
		t.Errorf("removed: came %v", err)
	}
	shipper = channel.Identity("shipper", contract.Operator)
	if err := ask(); !errors.Is(err, node.ErrRefused) || !strings.Contains(err.Error(), "no member") {
		t.Errorf("in the channel and no member: came %v", err)
	}
}

func TestOldKnowledgeIsNone(t *testing.T) {
	channel := nodetest.New()
	now := nodetest.Now()
	callers := &node.Callers{Ledger: channel, Org: "carrier", Self: self, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }}
	shipper := &node.Transport{Identity: channel.Identity("shipper", contract.Operator), Audience: self, Now: func() time.Time { return now }}
	if _, err := callers.Who(call(t, shipper, "GET", target)); !errors.Is(err, node.ErrUnavailable) {
		t.Errorf("before the first look: %v", err)
	}
	if err := callers.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	channel.SetUnavailable(true)
	if err := callers.Load(t.Context()); err == nil {
		t.Fatal("loaded from a ledger that is away")
	}
	for after, want := range map[time.Duration]error{9 * time.Minute: nil, 11 * time.Minute: node.ErrUnavailable} {
		now = nodetest.Now().Add(after)
		if _, err := callers.Who(call(t, shipper, "GET", target)); !errors.Is(err, want) {
			t.Errorf("after %s without the ledger: came %v, expected %v", after, err, want)
		}
	}
}

// FuzzToken: nobody who has no key of a member is ever taken for one.
func FuzzToken(f *testing.F) {
	channel := nodetest.New()
	callers := channel.Callers(self)
	by := channel.Identity("shipper", contract.Operator)
	now := nodetest.Now().Unix()
	good := forged{by: by, header: map[string]any{"alg": "ES256", "typ": "trackseal-node+jwt", "x5c": x5c(by)},
		claims: map[string]any{"iss": "ShipperMSP", "aud": self, "iat": now, "exp": now + 30, "htm": "GET", "htu": "/other"}}
	f.Add(good.String())
	bad := good
	bad.header = maps.Clone(good.header)
	bad.header["alg"] = "none"
	f.Add(bad.String())
	f.Add("..")
	f.Fuzz(func(t *testing.T, text string) {
		if who, err := callers.Who(request(text)); err == nil {
			t.Errorf("%q is taken for %+v", text, who)
		}
	})
}
