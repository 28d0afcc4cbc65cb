package attack

import (
	"context"
	"crypto/rand"

	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
)

func (a *attacker) run(ctx context.Context, kind string) ([]Row, error) {
	return map[string]func(context.Context) ([]Row, error){
		Forged: a.forged, Topic: a.topics, Replay: a.replay, Gap: a.gap, Fork: a.fork, Oversized: a.oversized, Malformed: a.malformed,
	}[kind](ctx)
}

// step is one attempt: make gives the bytes, at the moment when they are sent.
type step struct {
	what  string
	topic string // "" = the tracker's own
	make  func() ([]byte, error)
	want  expectation
}

func (a *attacker) steps(ctx context.Context, kind string, steps ...step) (rows []Row, err error) {
	for _, s := range steps {
		raw, err := s.make()
		if err != nil {
			return rows, err
		}
		if s.topic == "" {
			s.topic = telemetry.Topic(a.id, telemetry.Up)
		}
		row, err := a.try(ctx, kind, s.what, s.topic, raw, s.want)
		rows = append(rows, row)
		if err != nil {
			return rows, err
		}
	}
	return rows, nil
}

func refused(r telemetry.Reason) expectation { return expectation{refused: r} }

// ahead signs what the tracker would say next, without saying it: the chain stays where it is.
func (a *attacker) ahead(temperature float64) ([]byte, error) {
	copied := a.chain
	m, err := sign(&copied, temperature)
	return m.Raw, err
}

// as signs the next message with another key.
func (a *attacker) as(alg telemetry.Alg) ([]byte, error) {
	key, err := device.NewKey(alg)
	if err != nil {
		return nil, err
	}
	copied := a.chain
	copied.Signer = key
	m, err := sign(&copied, 4.5)
	return m.Raw, err
}

func (a *attacker) forged(ctx context.Context) ([]Row, error) {
	return a.steps(ctx, Forged,
		step{what: "one bit of the signature flipped", want: refused(telemetry.BadSignature), make: func() ([]byte, error) {
			raw, err := a.ahead(4.25)
			if err != nil {
				return nil, err
			}
			return flipSignature(raw)
		}},
		step{what: "signed with a stranger's key", want: refused(telemetry.WrongKey), make: func() ([]byte, error) { return a.as(telemetry.Ed25519) }},
		step{what: "signed with another algorithm", want: refused(telemetry.WrongAlg), make: func() ([]byte, error) { return a.as(telemetry.ESP256) }},
		step{what: "other readings below a true signature", want: refused(telemetry.PackMismatch), make: func() ([]byte, error) {
			warm, err := a.ahead(12)
			if err != nil {
				return nil, err
			}
			cool, err := a.ahead(4)
			if err != nil {
				return nil, err
			}
			return swapPack(warm, cool)
		}},
	)
}

// topics: a second tracker speaks where it must not, and somebody without the key wants in.
func (a *attacker) topics(ctx context.Context) ([]Row, error) {
	other, err := newAttacker(ctx, a.cfg, a.shipment, Topic+"-other")
	if err != nil {
		return nil, err
	}
	defer other.conn.Close()
	theirs := func() ([]byte, error) { return other.ahead(4.5) }
	rows, err := a.steps(ctx, Topic,
		step{what: "another tracker's message on one's own topic", want: refused(telemetry.TopicMismatch), make: theirs},
		step{what: "publishing on another tracker's topic", topic: telemetry.Topic(other.id, telemetry.Up), want: expectation{broker: true}, make: theirs},
		step{what: "a plain message of a tracker that signs", topic: telemetry.Topic(a.id, telemetry.JSON), want: refused(telemetry.BadSignature), make: func() ([]byte, error) {
			return []byte(`{"temperature":4.5,"seq":1}`), nil
		}},
	)
	if err != nil {
		return rows, err
	}
	key, err := device.NewKey(telemetry.Ed25519)
	if err != nil {
		return rows, err
	}
	row := Row{Kind: Topic, Attack: "login with a stranger's key", Expect: "broker refuses", Seen: "LET IN"}
	if conn, err := a.cfg.Dial(ctx, a.id, a.password(key)); err == nil {
		conn.Close()
	} else {
		row.Seen, row.OK = "refused", ctx.Err() == nil
	}
	return append(rows, row), nil
}

func (a *attacker) replay(ctx context.Context) ([]Row, error) {
	m, err := a.next()
	if err != nil {
		return nil, err
	}
	if err := a.send(ctx, m.Raw); err != nil {
		return nil, err
	}
	return a.steps(ctx, Replay, step{what: "a true message again", want: refused(telemetry.Duplicate), make: func() ([]byte, error) { return m.Raw, nil }})
}

func (a *attacker) gap(ctx context.Context) ([]Row, error) {
	return a.steps(ctx, Gap, step{what: "a message kept back", want: expectation{flag: telemetry.SeqGap}, make: func() ([]byte, error) {
		if _, err := a.next(); err != nil { // never sent
			return nil, err
		}
		m, err := a.next()
		return m.Raw, err
	}})
}

func (a *attacker) fork(ctx context.Context) ([]Row, error) {
	return a.steps(ctx, Fork, step{what: "two messages for one place in the chain", want: expectation{flag: telemetry.Fork}, make: func() ([]byte, error) {
		copied := a.chain
		first, err := a.next()
		if err != nil {
			return nil, err
		}
		if err := a.send(ctx, first.Raw); err != nil {
			return nil, err
		}
		second, err := sign(&copied, 9)
		return second.Raw, err
	}})
}

func (a *attacker) oversized(ctx context.Context) ([]Row, error) {
	return a.steps(ctx, Oversized,
		step{what: "17 KiB", want: refused(telemetry.Oversized), make: func() ([]byte, error) { return oversized(17 << 10), nil }},
		step{what: "1 MiB", want: expectation{broker: true}, make: func() ([]byte, error) { return oversized(1 << 20), nil }},
	)
}

func (a *attacker) malformed(ctx context.Context) ([]Row, error) {
	return a.steps(ctx, Malformed,
		step{what: "random bytes", want: refused(telemetry.Malformed), make: func() ([]byte, error) {
			raw := make([]byte, 300)
			_, err := rand.Read(raw)
			raw[0] = 0x82 // of two, as it should be
			raw[1] = 0xff // and then nothing that CBOR has
			return raw, err
		}},
		step{what: "no bytes", want: refused(telemetry.Malformed), make: func() ([]byte, error) { return nil, nil }},
		step{what: "a true message, cut", want: refused(telemetry.Malformed), make: func() ([]byte, error) {
			raw, err := a.ahead(4.25)
			return raw[:len(raw)*2/3], err
		}},
		step{what: "a true message, longer lengths than needed", want: refused(telemetry.NotCanonical), make: func() ([]byte, error) {
			raw, err := a.ahead(4.25) // other values than the next honest message, which could else have the same bytes
			if err != nil {
				return nil, err
			}
			return loosen(raw)
		}},
		step{what: "5000 °C, truly signed", want: refused(telemetry.OutOfRange), make: func() ([]byte, error) {
			raw, err := a.ahead(4.5)
			if err != nil {
				return nil, err
			}
			return overheat(raw, a.signer)
		}},
	)
}
