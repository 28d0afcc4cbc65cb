// Package attack does to a real stack what must have no effect, and reports what became of it.
package attack

import (
	"cmp"
	"context"
	"crypto"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/trackseal/trackseal/internal/client"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
	"github.com/trackseal/trackseal/tracker-sim/internal/scenario"
)

// Kinds in the order of a full run.
var Kinds = []string{"forged", "topic", "replay", "gap", "fork", "oversized", "malformed"}

// Config of a run.
type Config struct {
	Kinds      []string
	Name       string // of the shipment, and prefix of the trackers'
	RuleSet    string
	Deployment string
	Dial       device.Dialer // whose Publish waits for the PUBACK
	API        scenario.Party
	Roles      scenario.Roles // parties of the shipment
	Bound      time.Duration  // on seeing each effect
	Log        *slog.Logger
}

// Row is one attack and what became of it.
type Row struct {
	Kind   string `json:"kind"`
	Attack string `json:"attack"`
	Expect string `json:"expect"`
	Seen   string `json:"seen"`
	OK     bool   `json:"ok"`
}

// expectation of an attack. One of the first three is set.
type expectation struct {
	refused telemetry.Reason // counted by ingest and in no log
	flag    telemetry.Reason // in the log, with this flag
	broker  bool             // the broker lets it not through
}

func (e expectation) String() string {
	switch {
	case e.broker:
		return "broker refuses"
	case e.flag != "":
		return "flag " + string(e.flag)
	}
	return string(e.refused)
}

// attacker is one tracker under attack. Its key is known to the test, so that it can also do what only its holder could.
type attacker struct {
	cfg    Config
	id     string
	signer crypto.Signer
	chain  device.Chain
	conn   device.Conn
	other  *attacker // a second tracker, where an attack needs one
}

// Run attacks and reports. The error says that an attack could not be made.
func Run(ctx context.Context, cfg Config) ([]Row, error) {
	_, err := cfg.API.CreateShipment(ctx, client.CreateBody{
		ID: cfg.Name, Parties: cfg.Roles.Members(), RuleSet: cfg.RuleSet, Description: "attacks", Origin: "tracker-sim", Destination: "tracker-sim",
	})
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, kind := range Kinds {
		if !slices.Contains(cfg.Kinds, kind) {
			continue
		}
		a, err := newAttacker(ctx, cfg, kind)
		if err != nil {
			return rows, fmt.Errorf("%s: %w", kind, err)
		}
		got, err := a.run(ctx, kind)
		a.conn.Close()
		if a.other != nil {
			a.other.conn.Close()
		}
		rows = append(rows, got...)
		if err != nil {
			return rows, fmt.Errorf("%s: %w", kind, err)
		}
	}
	return rows, nil
}

// newAttacker enrols a tracker, binds it and lets it say something honest first.
func newAttacker(ctx context.Context, cfg Config, kind string) (*attacker, error) {
	a := &attacker{cfg: cfg, id: cfg.Name + "-" + kind}
	var err error
	if a.signer, err = device.NewKey(telemetry.Ed25519); err != nil {
		return nil, err
	}
	if _, err := cfg.API.Enrol(ctx, a.id, a.signer, "attack"); err != nil {
		return nil, err
	}
	if err := cfg.API.Assign(ctx, cfg.Name, a.id); err != nil {
		return nil, err
	}
	if a.conn, err = a.dial(ctx); err != nil {
		return nil, err
	}
	a.chain = device.Chain{Tracker: a.id, Signer: a.signer, Next: telemetry.Position{Boot: 1}}
	boot, err := a.chain.Sign(telemetry.Claims{Kind: telemetry.Boot, TimeMS: time.Now().UnixMilli()}, nil)
	if err != nil {
		return nil, err
	}
	if err := a.send(ctx, "", boot.Raw); err != nil {
		return nil, err
	}
	if err := a.marker(ctx); err != nil {
		return nil, fmt.Errorf("the honest message before the attack: %w", err)
	}
	return a, nil
}

// dial waits for ingest to hear of the enrolment, which happens a moment after it is on the ledger.
func (a *attacker) dial(ctx context.Context) (device.Conn, error) {
	deadline := time.Now().Add(a.cfg.Bound)
	for {
		conn, err := a.cfg.Dial(ctx, a.id, a.password(a.signer))
		if err == nil || time.Now().After(deadline) || ctx.Err() != nil {
			return conn, err
		}
		if !service.Pause(ctx, 200*time.Millisecond) {
			return nil, ctx.Err()
		}
	}
}

func (a *attacker) password(key crypto.Signer) func() string {
	return func() string {
		p, err := device.Password(key, a.id, a.cfg.Deployment, time.Now())
		if err != nil {
			a.cfg.Log.Error("no MQTT password", "error", err)
		}
		return p
	}
}

// next signs an honest message.
func (a *attacker) next() (device.Message, error) { return sign(&a.chain, 4.5) }

func sign(c *device.Chain, temperature float64) (device.Message, error) {
	now := time.Now().UnixMilli()
	return c.Sign(telemetry.Claims{Kind: telemetry.Data, TimeMS: now}, []telemetry.Reading{{TimeMS: now, Values: map[string]float64{"temperature": temperature, "humidity": 50}}})
}

// send publishes on a topic, by default the tracker's own.
func (a *attacker) send(ctx context.Context, topic string, raw []byte) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return a.conn.Publish(ctx, cmp.Or(topic, telemetry.Topic(a.id, telemetry.Up)), raw)
}

// find looks a message up in the shipment; wanted says whether to wait for it.
func (a *attacker) find(ctx context.Context, hash telemetry.Hash, wanted bool) ([]client.Message, error) {
	deadline := time.Now().Add(a.cfg.Bound)
	for {
		var found []client.Message
		for m, err := range a.cfg.API.Messages(ctx, a.cfg.Name) {
			if err != nil {
				return nil, err
			}
			if m.Hash == hex.EncodeToString(hash[:]) {
				found = append(found, m)
			}
		}
		if !wanted || len(found) > 0 {
			return found, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("not in the log after %s", a.cfg.Bound)
		}
		if !service.Pause(ctx, 200*time.Millisecond) {
			return nil, ctx.Err()
		}
	}
}

// marker sends an honest message and waits until it is in the log: what was sent before it has been dealt with by then.
func (a *attacker) marker(ctx context.Context) error {
	m, err := a.next()
	if err != nil {
		return err
	}
	if err := a.send(ctx, "", m.Raw); err != nil { // the attack may have cost the connection
		a.conn.Close()
		if a.conn, err = a.dial(ctx); err != nil {
			return err
		}
		if err := a.send(ctx, "", m.Raw); err != nil {
			return err
		}
	}
	_, err = a.find(ctx, m.Hash, true)
	return err
}

// try makes one attack and judges it.
func (a *attacker) try(ctx context.Context, kind string, s step, raw []byte) (Row, error) {
	row := Row{Kind: kind, Attack: s.what, Expect: s.want.String()}
	before, err := a.counts(ctx)
	if err != nil {
		return row, err
	}
	sendErr := a.send(ctx, s.topic, raw)
	if err := a.marker(ctx); err != nil {
		return row, fmt.Errorf("%s: the honest message after it: %w", s.what, err)
	}
	found, err := a.find(ctx, hashOf(raw), s.want.flag != "")
	if err != nil && s.want.flag == "" {
		return row, err
	}
	after, err := a.counts(ctx)
	if err != nil {
		return row, err
	}
	maps.DeleteFunc(after, func(reason string, n uint64) bool { return n <= before[reason] })
	for reason := range after {
		after[reason] -= before[reason]
	}
	row.Seen, row.OK = judge(s.want, found, after, sendErr, before != nil)
	return row, nil
}

// judge compares what happened with what should have. counted are the refusals that ingest counted meanwhile.
func judge(want expectation, found []client.Message, counted map[string]uint64, sendErr error, canCount bool) (seen string, ok bool) {
	leaves := len(found)
	switch {
	case want.flag != "":
		if leaves != 1 {
			return fmt.Sprintf("%d leaves", leaves), false
		}
		if !slices.Contains(found[0].Flags, string(want.flag)) {
			return fmt.Sprintf("flags %v", found[0].Flags), false
		}
		return fmt.Sprintf("leaf %d, flags %v", found[0].Leaf, found[0].Flags), true
	case want.refused == telemetry.Duplicate:
		// The honest original stays; the repetition must not be another leaf.
		if leaves != 1 {
			return fmt.Sprintf("%d leaves", leaves), false
		}
	case leaves > 0:
		return fmt.Sprintf("A LEAF: %d", found[0].Leaf), false
	}
	if want.broker {
		if sendErr != nil {
			return "link refused, no leaf", true
		}
		return "swallowed, no leaf", true
	}
	if !canCount {
		return "no leaf; ingest's counters are not readable", true
	}
	if n := counted[string(want.refused)]; n > 0 {
		if want.refused == telemetry.Duplicate {
			return fmt.Sprintf("%s +%d, one leaf", want.refused, n), true
		}
		return fmt.Sprintf("%s +%d, no leaf", want.refused, n), true
	}
	return fmt.Sprintf("no leaf, but counted %v", counted), false
}

// counts are ingest's refusals by reason, duplicates among them; nil where the client may not see them.
func (a *attacker) counts(ctx context.Context) (map[string]uint64, error) {
	st, err := a.cfg.API.IngestStatus(ctx)
	if client.Status(err) == http.StatusForbidden {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if st.Duplicates > 0 {
		st.Rejected[string(telemetry.Duplicate)] = st.Duplicates
	}
	return st.Rejected, nil
}
