package copying

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/transfer"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// opened is a message that may be written.
type opened struct {
	stored.Message
	said telemetry.Opened
}

// FlagName is what a reason code looks like, which becomes part of a point.
var FlagName = regexp.MustCompile(`^[a-z_]{1,32}$`)

const maxFlags = 32

// checkEntry decodes a leaf's entry, which must be of the instance whose log it is.
func checkEntry(entry []byte, instance string) (telemetry.Leaf, *Fault) {
	leaf, err := telemetry.DecodeLeaf(entry)
	switch {
	case err != nil:
		return leaf, faulty(Differs, "the entry is not a leaf's: %v", err)
	case leaf.Ingest != instance:
		return leaf, faulty(Differs, "the entry is of ingest %s", leaf.Ingest)
	case leaf.Kind == telemetry.LeafNote:
		return leaf, faulty(Differs, "the entry is a server's note, which no shipment's log has")
	}
	return leaf, nil
}

// check verifies one message of a log: its bytes are those that the entry names, and its tracker, which the ledger knows, signed them
// with a key that was in force. What is not signed is of a tracker that cannot sign; its envelope names it, on the operator's word.
// A fault, or an error that the ledger could not be asked.
func (c *Copier) check(ctx context.Context, of Subject, log string, n uint64, item *transfer.Message, leaf telemetry.Leaf) (*opened, *Fault, error) {
	if len(item.Raw) > telemetry.MaxRaw {
		return nil, faulty(Form, "the message has %d bytes", len(item.Raw)), nil
	}
	if leaf.Kind == telemetry.LeafUnsigned && sha256.Sum256(item.Raw) != leaf.Hash {
		return nil, faulty(Differs, "the bytes are not those that were logged"), nil
	}
	said, err := telemetry.Open(leaf.Kind, item.Raw, leaf.ReceivedMS)
	if err != nil {
		return nil, faulty(Differs, "the bytes are no message: %v", err), nil
	}
	if said.Hash != leaf.Hash {
		return nil, faulty(Differs, "the bytes are not those that were logged"), nil
	}
	tracker := said.Tracker
	if f := checkFlags(item.Flags); f != nil {
		return nil, f, nil
	}
	if of.Kind == anchor.Tracker && tracker != of.ID {
		return nil, faulty(Forged, "the message is of tracker %s", tracker), nil
	}
	t, f, err := authentic(ctx, c.Trackers, of, leaf, &said)
	if f == nil && err == nil && said.Envelope != nil {
		f, err = c.read(ctx, t, said.Envelope, leaf.ReceivedMS)
	}
	if f != nil || err != nil {
		return nil, f, err
	}
	m := stored.NewMessage(log, n, item.Entry, leaf, &said)
	m.Raw, m.Tracker = item.Raw, tracker
	for _, f := range item.Flags { // what the message itself shows is not the operator's to say
		if !slices.Contains(telemetry.AsideFlags, telemetry.Reason(f)) {
			m.Flags = append(m.Flags, f)
		}
	}
	if of.Kind == anchor.Shipment {
		m.Shipment = of.ID
	}
	return &opened{m, said}, nil, nil
}

func checkFlags(flags []string) *Fault {
	if len(flags) > maxFlags {
		return faulty(Form, "the message has %d flags", len(flags))
	}
	for _, f := range flags {
		if !FlagName.MatchString(f) {
			return faulty(Form, "%.40q is not a flag", f)
		}
	}
	return nil
}

// authentic asks the ledger about the tracker, once more when what is known of it says no: it may have changed a moment ago.
func authentic(ctx context.Context, trackers *Trackers, of Subject, leaf telemetry.Leaf, said *telemetry.Opened) (*ledger.Tracker, *Fault, error) {
	for again := false; ; again = true {
		t, err := trackers.Get(ctx, of, said.Tracker, again)
		if err != nil {
			return nil, nil, err
		}
		if f := judge(t, leaf, said); f == nil || again {
			return t, f, nil
		}
	}
}

func judge(t *ledger.Tracker, leaf telemetry.Leaf, said *telemetry.Opened) *Fault {
	m := said.Signed
	switch {
	case t == nil:
		return faulty(Forged, "tracker %s is not on the ledger, or was never on this shipment", said.Tracker)
	case m == nil && len(t.Keys) > 0:
		return faulty(Forged, "tracker %s signs its messages, and this one is not signed", said.Tracker)
	case m == nil:
		if hash := hex.EncodeToString(said.Envelope.Profile[:]); !t.Pinned(hash, leaf.ReceivedMS) {
			return faulty(Misread, "profile %.12s was not that of tracker %s at the receipt", hash, said.Tracker)
		}
		return nil
	}
	key, err := t.KeyOf(m, leaf.ReceivedMS)
	if err == nil {
		err = m.Verify(key)
	}
	if err != nil {
		return faulty(Forged, "%v", err)
	}
	return nil
}
