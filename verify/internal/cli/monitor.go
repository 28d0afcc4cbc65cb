package cli

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/secure"
	"github.com/trackseal/trackseal/verify/internal/monitor"
)

// monitorOptions are the flags of verify monitor.
type monitorOptions struct {
	apis                      []string
	policy, state, evidence   string
	credentials, clientID, ca string
	every, stall, atLeast     time.Duration
	once, all, asJSON         bool
	secret, token             string // from the environment
}

func monitorCommand(exit *int, stdout io.Writer) *cobra.Command {
	var o monitorOptions
	c := &cobra.Command{
		Use: "monitor --api URL... --policy POLICY --state FILE", Short: "Follow the ledger's anchors and report forks and stalls",
		Long: `monitor follows the anchors of all ingest instances through one or several organisations' APIs and believes none of them. It
accepts an anchor when it is final by your policy, with answers that the peers signed for a nonce of its own, and when the
heads log extends what it accepted before. It reports, one line each: a fork (two signed stories; both are written to a file
for verify fork), a rollback, evidence that does not hold, an API that lags, and a stall: leaves that wait without an anchor.

Ask several organisations: two stories can only be told to different people. The state file holds what was accepted; keep it,
since what was seen once may not change, even when all servers are replaced.

Credentials, for every API: --client-id with the secret in TRACKSEAL_CLIENT_SECRET, or a token in TRACKSEAL_TOKEN; for each its
own: --credentials FILE with {"URL": {"client_id": "…", "client_secret": "…"}} or {"URL": {"token": "…"}}. They need the scope
anchors:read; network:read as well, to tell a stall from a quiet night.

Exit code: 0 all is well, 1 a fork, a rollback or false evidence, 2 a stall, a lagging or silent API, an anchor that is not final,
64 wrong call or a file that cannot be read or written.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.secret, o.token = os.Getenv("TRACKSEAL_CLIENT_SECRET"), os.Getenv("TRACKSEAL_TOKEN")
			code, err := watch(cmd.Context(), o, stdout)
			*exit = code
			return err
		},
	}
	f := c.Flags()
	f.StringArrayVar(&o.apis, "api", nil, "address of an organisation's API; repeat it for several")
	f.StringVar(&o.policy, "policy", "", "your policy file (JSON); required")
	f.StringVar(&o.state, "state", "", "file that holds what was accepted so far; made when it is missing; required")
	f.StringVar(&o.evidence, "evidence", "", "folder for the evidence of a fork (default: that of the state file)")
	f.StringVar(&o.credentials, "credentials", "", "JSON file with the credentials of each API")
	f.StringVar(&o.clientID, "client-id", "", "client id for every API; its secret is in TRACKSEAL_CLIENT_SECRET")
	f.StringVar(&o.ca, "ca", "", "PEM file with the certificate authorities of the APIs (default: the system's)")
	f.DurationVar(&o.every, "every", 10*time.Second, "pause between two looks")
	f.DurationVar(&o.stall, "stall", time.Minute, "how long leaves may wait for an anchor, or an API may lag")
	f.DurationVar(&o.atLeast, "at-least", 0, "report a stall when no anchor came for so long, whatever the instances say; 0: an idle log is no stall")
	f.BoolVar(&o.once, "once", false, "look once and end, for cron and CI")
	f.BoolVar(&o.all, "all", false, "prove a heads log that is new here from its first anchor on")
	f.BoolVar(&o.asJSON, "json", false, "print events as lines of JSON")
	return c
}

// watch runs a monitor. Its exit code holds also beside an error.
func watch(ctx context.Context, o monitorOptions, stdout io.Writer) (int, error) {
	policy, err := readPolicy(o.policy)
	if err != nil {
		return 0, err
	}
	switch {
	case len(o.apis) == 0:
		return 0, errors.New("--api is missing: give the address of at least one organisation's API")
	case o.state == "":
		return 0, errors.New("--state is missing: name a file that holds what was seen, so that a later rewrite is found")
	case o.every < time.Second || o.stall < time.Second || o.atLeast < 0:
		return 0, errors.New("--every and --stall must be at least 1s, --at-least not negative")
	}
	if o.evidence == "" {
		o.evidence = filepath.Dir(o.state)
	}
	for _, dir := range []string{filepath.Dir(o.state), o.evidence} {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return 0, fmt.Errorf("folder %s does not exist: make it, so that state and evidence can be written", dir)
		}
	}
	apis, err := o.clients()
	if err != nil {
		return 0, err
	}
	m, err := monitor.New(monitor.Config{
		APIs: apis, Policy: policy, StateFile: o.state, EvidenceDir: o.evidence, Every: o.every, Stall: o.stall, AtLeast: o.atLeast, All: o.all,
		Now: time.Now, Wait: wait, Rand: rand.Reader, Report: o.print(stdout),
	})
	if err != nil {
		return 0, err
	}
	if o.once {
		return m.Once(ctx)
	}
	return m.Run(ctx)
}

func (o *monitorOptions) clients() ([]monitor.API, error) {
	creds := map[string]monitor.Credentials{}
	if o.credentials != "" {
		raw, err := secure.Private(o.credentials)
		if err != nil {
			return nil, err
		}
		// A wrongly spelt member must not end in a silent default: the file is read as strictly as a policy.
		var byURL map[string]json.RawMessage
		if err := json.Unmarshal(raw, &byURL); err != nil {
			return nil, fmt.Errorf(`%s: %w; must be {"URL": {"client_id": "…", "client_secret": "…"}}`, o.credentials, err)
		}
		for u, member := range byURL {
			var c monitor.Credentials
			if err := ledger.Decode(member, &c); err != nil {
				return nil, fmt.Errorf("%s: %q: %w", o.credentials, u, err)
			}
			creds[strings.TrimRight(u, "/")] = c
		}
	}
	var roots *x509.CertPool
	if o.ca != "" {
		raw, err := os.ReadFile(o.ca)
		if err != nil {
			return nil, err
		}
		if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", o.ca)
		}
	}
	var out []monitor.API
	var seen []string
	for _, u := range o.apis {
		u = strings.TrimRight(u, "/")
		if slices.Contains(seen, u) {
			return nil, fmt.Errorf("--api %s is given twice", u)
		}
		seen = append(seen, u)
		c, ok := creds[u]
		switch {
		case ok:
		case o.credentials != "":
			return nil, fmt.Errorf("%s has no entry for %s", o.credentials, u)
		case o.clientID != "" && o.secret == "":
			return nil, errors.New("--client-id needs its secret in TRACKSEAL_CLIENT_SECRET")
		case o.clientID != "":
			c = monitor.Credentials{ClientID: o.clientID, ClientSecret: o.secret}
		case o.token != "":
			c = monitor.Credentials{Token: o.token}
		default:
			return nil, errors.New("no credentials: set TRACKSEAL_TOKEN, or --client-id with TRACKSEAL_CLIENT_SECRET, or --credentials FILE")
		}
		api, err := monitor.NewClient(u, c, roots)
		if err != nil {
			return nil, err
		}
		out = append(out, api)
	}
	return out, nil
}

// print writes events; what cannot be written is not lost: the exit code tells, and the state remembers forks.
func (o *monitorOptions) print(w io.Writer) func(monitor.Event) {
	if o.asJSON {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return func(e monitor.Event) { _ = enc.Encode(e) }
	}
	return func(e monitor.Event) { fmt.Fprintln(w, e) }
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
