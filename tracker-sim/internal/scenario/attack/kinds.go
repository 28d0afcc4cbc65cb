package attack

import (
	"bytes"
	"context"
	"crypto/rand"

	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
)

// step is one attempt: make gives the bytes, at the moment when they are sent.
type step struct {
	what  string
	want  expectation
	make  func() ([]byte, error)
	topic string // "" = the tracker's own
}

func refused(r telemetry.Reason) expectation { return expectation{refused: r} }

// run makes all attempts of one kind.
func (a *attacker) run(ctx context.Context, kind string) (rows []Row, err error) {
	steps := map[string]func(context.Context) []step{
		"forged": a.forged, "topic": a.topics, "replay": a.replay, "gap": a.gap,
		"fork": a.fork, "oversized": a.oversized, "malformed": a.malformed,
	}[kind](ctx)
	for _, s := range steps {
		raw, err := s.make()
		if err != nil {
			return rows, err
		}
		row, err := a.try(ctx, kind, s, raw)
		rows = append(rows, row)
		if err != nil {
			return rows, err
		}
	}
	if kind != "topic" {
		return rows, nil
	}
	row, err := a.breakIn(ctx)
	return append(rows, row), err
}

// bent signs what the tracker would say next, without saying it, and changes it: the chain stays where it is. The values are other
// than those of the next honest message, which could else have the same bytes.
func (a *attacker) bent(temperature float64, change func(raw []byte) ([]byte, error)) func() ([]byte, error) {
	return func() ([]byte, error) {
		copied := a.chain
		m, err := sign(&copied, temperature)
		if err != nil {
			return nil, err
		}
		return change(m.Raw)
	}
}

func asItIs(raw []byte) ([]byte, error) { return raw, nil }

// as signs the next message with another key.
func (a *attacker) as(alg telemetry.Alg) func() ([]byte, error) {
	return func() ([]byte, error) {
		key, err := device.NewKey(alg)
		if err != nil {
			return nil, err
		}
		copied := a.chain
		copied.Signer = key
		m, err := sign(&copied, 4.5)
		return m.Raw, err
	}
}

func (a *attacker) forged(context.Context) []step {
	return []step{
		{what: "one bit of the signature flipped", want: refused(telemetry.BadSignature), make: a.bent(4.25, flipSignature)},
		{what: "signed with a stranger's key", want: refused(telemetry.WrongKey), make: a.as(telemetry.Ed25519)},
		{what: "signed with another algorithm", want: refused(telemetry.WrongAlg), make: a.as(telemetry.ESP256)},
		{what: "other readings below a true signature", want: refused(telemetry.PackMismatch), make: a.bent(12, func(warm []byte) ([]byte, error) {
			return a.bent(4, func(cool []byte) ([]byte, error) { return swapPack(warm, cool) })()
		})},
	}
}

// topics: a second tracker speaks where it must not.
func (a *attacker) topics(ctx context.Context) []step {
	theirs := func() (raw []byte, err error) {
		if a.other == nil {
			if a.other, err = newAttacker(ctx, a.cfg, "topic-other"); err != nil {
				return nil, err
			}
		}
		return a.other.bent(4.5, asItIs)()
	}
	return []step{
		{what: "another tracker's message on one's own topic", want: refused(telemetry.TopicMismatch), make: theirs},
		{what: "publishing on another tracker's topic", topic: telemetry.Topic(a.id+"-other", telemetry.Up), want: expectation{broker: true}, make: theirs},
		{what: "a plain message of a tracker that signs", topic: telemetry.Topic(a.id, telemetry.JSON), want: refused(telemetry.BadSignature), make: func() ([]byte, error) {
			return []byte(`{"temperature":4.5,"seq":1}`), nil
		}},
	}
}

// breakIn: somebody without the key wants in.
func (a *attacker) breakIn(ctx context.Context) (Row, error) {
	row := Row{Kind: "topic", Attack: "login with a stranger's key", Expect: "broker refuses", Seen: "LET IN"}
	key, err := device.NewKey(telemetry.Ed25519)
	if err != nil {
		return row, err
	}
	if conn, err := a.cfg.Dial(ctx, a.id, a.password(key)); err == nil {
		conn.Close()
	} else {
		row.Seen, row.OK = "refused", ctx.Err() == nil
	}
	return row, nil
}

func (a *attacker) replay(ctx context.Context) []step {
	return []step{{what: "a true message again", want: refused(telemetry.Duplicate), make: func() ([]byte, error) {
		m, err := a.next()
		if err != nil {
			return nil, err
		}
		return m.Raw, a.send(ctx, "", m.Raw)
	}}}
}

func (a *attacker) gap(context.Context) []step {
	return []step{{what: "a message kept back", want: expectation{flag: telemetry.SeqGap}, make: func() ([]byte, error) {
		if _, err := a.next(); err != nil { // never sent
			return nil, err
		}
		m, err := a.next()
		return m.Raw, err
	}}}
}

func (a *attacker) fork(ctx context.Context) []step {
	return []step{{what: "two messages for one place in the chain", want: expectation{flag: telemetry.Fork}, make: func() ([]byte, error) {
		copied := a.chain
		first, err := a.next()
		if err != nil {
			return nil, err
		}
		if err := a.send(ctx, "", first.Raw); err != nil {
			return nil, err
		}
		second, err := sign(&copied, 9)
		return second.Raw, err
	}}}
}

func (a *attacker) oversized(context.Context) []step {
	bytesOf := func(n int) func() ([]byte, error) {
		return func() ([]byte, error) { return bytes.Repeat([]byte{0x82}, n), nil }
	}
	return []step{
		{what: "129 KiB", want: refused(telemetry.Oversized), make: bytesOf(129 << 10)},
		{what: "1 MiB", want: expectation{broker: true}, make: bytesOf(1 << 20)},
	}
}

func (a *attacker) malformed(context.Context) []step {
	return []step{
		{what: "random bytes", want: refused(telemetry.Malformed), make: func() ([]byte, error) {
			raw := make([]byte, 300)
			_, err := rand.Read(raw)
			raw[0] = 0x82 // of two, as it should be
			raw[1] = 0xff // and then nothing that CBOR has
			return raw, err
		}},
		{what: "no bytes", want: refused(telemetry.Malformed), make: func() ([]byte, error) { return nil, nil }},
		{what: "a true message, cut", want: refused(telemetry.Malformed), make: a.bent(4.25, func(raw []byte) ([]byte, error) { return raw[:len(raw)*2/3], nil })},
		{what: "a true message, longer lengths than needed", want: refused(telemetry.NotCanonical), make: a.bent(4.25, loosen)},
	}
}
