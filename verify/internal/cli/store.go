package cli

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/secure"
	"github.com/trackseal/trackseal/internal/stored/audit"
)

// StoreAt says where a store is and how it is opened.
type StoreAt struct {
	URL, Org, Bucket, TokenFile string
	Client                      secure.Client
}

// OpenStore is the program's: nothing that this package believes comes from the store.
type OpenStore func(StoreAt) (store audit.Whole, shut func(), err error)

type storeOptions struct {
	at                 StoreAt
	policy, nonce      string
	anchors            []string
	log, shipment      string
	partial, asJSON    bool
	open               OpenStore
	findings, unproven int
	stdout             io.Writer
	printed            error
}

func storeCommand(exit *int, stdout io.Writer, open OpenStore) *cobra.Command {
	o := storeOptions{open: open, stdout: stdout}
	c := &cobra.Command{
		Use: "store --influx URL --database NAME --token-file FILE --policy POLICY --anchors EVIDENCE...", Short: "Check all that a store holds against anchors",
		Long: `store reads an InfluxDB and recomputes what it holds: the heads log from its heads, each log from its entries, messages from
entries, columns and readings from messages. It believes nothing of it. What must come out is in the anchors: heads-log evidence
(GET /v1/heads/{heads}/evidence, at most 64 anchors each), which your own policy judges first. Give the newest anchors: they cover what
is before them. With --copy the store is a member's copy of some logs: each head then shows its own place in an anchor, so give the
anchors of these heads, or those of the newest.

One line for each thing that differs, then a line that says what was looked at; --json prints lines of JSON. What lies beyond the newest
anchor given is counted and not judged.

Exit code: 0 all of it is as it was anchored, 1 something differs, 2 something cannot be told (the store does not answer, the evidence
does not hold or does not cover it), 64 wrong call.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			*exit, err = o.run(cmd.Context())
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&o.at.URL, "influx", "", "address of the InfluxDB; required")
	f.StringVar(&o.at.Bucket, "database", "", "database/retention-policy of 1.8, or the bucket of 2.x; required")
	f.StringVar(&o.at.Org, "org", "", "organisation of 2.x")
	f.StringVar(&o.at.TokenFile, "token-file", "", "file with user:password or a token, which may read; mode 0600; required")
	f.StringVar(&o.at.Client.CA, "ca", "", "PEM file with the certificate authorities of the InfluxDB (default: the system's)")
	f.BoolVar(&o.at.Client.Insecure, "insecure", false, "plain text is meant, although other machines can read it")
	f.StringVar(&o.policy, "policy", "", "your policy file (JSON); required")
	f.StringArrayVar(&o.anchors, "anchors", nil, "heads-log evidence; repeat it for several instances, or for more than 64 anchors")
	f.StringVar(&o.nonce, "nonce", "", "nonce (hex) that you gave when asking for the evidence")
	f.StringVar(&o.log, "log", "", "only the log with this id (hex)")
	f.StringVar(&o.shipment, "shipment", "", "only the logs of this shipment")
	f.BoolVar(&o.partial, "copy", false, "the store is a member's copy of some logs, so the heads log is not whole")
	f.BoolVar(&o.asJSON, "json", false, "print lines of JSON")
	return c
}

// run answers the exit code. It holds also beside an error.
func (o *storeOptions) run(ctx context.Context) (int, error) {
	policy, err := readPolicy(o.policy)
	if err != nil {
		return 0, err
	}
	switch {
	case o.at.URL == "" || o.at.Bucket == "" || o.at.TokenFile == "":
		return 0, errors.New("--influx, --database and --token-file must be given: the store to look at")
	case len(o.anchors) == 0:
		return 0, errors.New("--anchors is missing: give heads-log evidence, against which the store is checked")
	}
	logs, err := o.trusted(policy)
	if err != nil {
		if errors.Is(err, errEvidence) {
			return evidence.ExitUnknown, err
		}
		return 0, err
	}
	store, shut, err := o.open(o.at)
	if err != nil {
		return 0, err
	}
	defer shut()
	for _, heads := range slices.Sorted(maps.Keys(logs)) {
		l := logs[heads]
		j := audit.Job{Store: store, Heads: heads, Ingest: l.ingest, Earlier: ledger.Lives(l.ingest), Anchors: l, Partial: o.partial, Say: o.say}
		if o.log != "" || o.shipment != "" {
			j.Only = func(of *audit.Log) bool {
				return (o.log == "" || of.ID == o.log) && (o.shipment == "" || of.Shipment == o.shipment)
			}
		}
		s, err := j.Run(ctx)
		if err != nil {
			return evidence.ExitUnknown, err
		}
		o.sum(l, s)
	}
	switch {
	case o.findings > 0:
		return evidence.ExitFail, o.printed
	case o.unproven > 0:
		return evidence.ExitUnknown, o.printed
	}
	return evidence.ExitPass, o.printed
}

var errEvidence = errors.New("the anchors are not proven")

// proof is what evidence proves of one heads log.
type proof struct {
	ingest string
	roots  map[uint64]string // by size
	newest uint64
	timeMS int64
}

func (p *proof) Root(_ context.Context, size uint64) (string, error) { return p.roots[size], nil }

func (p *proof) Newest(context.Context) (uint64, string, error) {
	return p.newest, p.roots[p.newest], nil
}

// trusted reads the anchors that the policy accepts, by heads log.
func (o *storeOptions) trusted(policy *evidence.Policy) (map[string]*proof, error) {
	nonce, err := hex.DecodeString(o.nonce)
	if err != nil {
		return nil, errors.New("--nonce must be hex")
	}
	if len(nonce) == 0 {
		nonce = nil
	}
	logs := map[string]*proof{}
	for _, path := range o.anchors {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		p, err := evidence.VerifyHeadsLog(f, policy, evidence.Options{Nonce: nonce})
		_ = f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if fault := p.Fault(); fault != nil {
			return nil, fmt.Errorf("%w: %s: %s", errEvidence, path, fault)
		}
		if !p.Final || len(p.Anchors) == 0 {
			return nil, fmt.Errorf("%w: %s: too few organisations hold them as valid", errEvidence, path)
		}
		l := logs[p.Heads]
		if l == nil {
			l = &proof{roots: map[uint64]string{}}
			logs[p.Heads] = l
		}
		for _, a := range p.Anchors {
			if known := l.roots[a.Size]; known != "" && known != a.Root {
				return nil, fmt.Errorf("%w: two of the files show anchors of size %d with different roots: verify fork has more", errEvidence, a.Size)
			}
			l.ingest, l.roots[a.Size] = a.Ingest, a.Root
			if a.Size >= l.newest {
				l.newest, l.timeMS = a.Size, a.TimeMS
			}
		}
	}
	return logs, nil
}

func (o *storeOptions) say(f audit.Finding) {
	if f.What == audit.Unproven {
		o.unproven++
	} else {
		o.findings++
	}
	o.print(f, f.String())
}

func (o *storeOptions) sum(l *proof, s audit.Summary) {
	text := fmt.Sprintf("%s: %d messages in %d logs, %d heads; the newest anchor given is of %s", l.ingest, s.Messages, s.Logs, s.Heads, stamp(l.timeMS))
	if s.Beyond > 0 {
		text += fmt.Sprintf("; %d messages are beyond it and were not judged", s.Beyond)
	}
	o.print(struct {
		What   string `json:"what"`
		Ingest string `json:"ingest"`
		audit.Summary
	}{"summary", l.ingest, s}, text)
}

func (o *storeOptions) print(v any, text string) {
	if o.asJSON {
		raw, err := json.Marshal(v)
		if err != nil { // texts and numbers only
			panic(err)
		}
		text = string(raw)
	}
	if _, err := fmt.Fprintln(o.stdout, text); err != nil && o.printed == nil {
		o.printed = err
	}
}
