package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// RecordKind is the first byte of a queued record.
type RecordKind byte

const (
	MessageRecord RecordKind = 1 // Message
	HeadRecord    RecordKind = 3 // Head
)

// Message is a queued message: everything that its points in InfluxDB hold.
type Message struct {
	Log        [32]byte
	Leaf       uint64
	Entry, Raw []byte
	Tracker    string
	Shipment   string
	Signed     bool
	Boot, Seq  uint64
	Kind       uint8
	TimeMS     int64
	ReceivedMS int64
	Flags      Flags
	Readings   Readings
}

// Rejected is a refused message in the quarantine.
type Rejected struct {
	Reason, Tracker, Topic, Detail string // Tracker "" = none that the ledger knows
	Count                          uint64 // so many were refused alike since the last entry, with this one
	Raw                            []byte // empty when it was no message
	Bytes                          int
	Hash                           string // SHA-256 of the bytes, hex
	ReceivedMS                     int64
}

// Append encodes m.
func (m *Message) Append(b []byte) []byte {
	b = append(b, m.Log[:]...)
	b = binary.AppendUvarint(b, m.Leaf)
	b = appendBytes(b, m.Entry)
	b = appendBytes(b, m.Raw)
	b = appendBytes(b, m.Tracker)
	b = appendBytes(b, m.Shipment)
	signed := byte(0)
	if m.Signed {
		signed = 1
	}
	b = append(b, signed, m.Kind)
	b = binary.AppendUvarint(b, m.Boot)
	b = binary.AppendUvarint(b, m.Seq)
	b = binary.AppendVarint(b, m.TimeMS)
	b = binary.AppendVarint(b, m.ReceivedMS)
	b = binary.AppendUvarint(b, uint64(m.Flags))
	return append(b, m.Readings...)
}

// MessagePlace reads a message's log and leaf only.
func MessagePlace(b []byte) (log [32]byte, leaf uint64, err error) {
	d := decoder{b: b}
	d.copy(log[:])
	leaf = d.uvarint()
	return log, leaf, d.err
}

// DecodeMessage reads what Append wrote; the slices point into b.
func DecodeMessage(b []byte) (Message, error) {
	var m Message
	d := decoder{b: b}
	d.copy(m.Log[:])
	m.Leaf = d.uvarint()
	m.Entry, m.Raw = d.bytes(), d.bytes()
	m.Tracker, m.Shipment = string(d.bytes()), string(d.bytes())
	m.Signed, m.Kind = d.byte() == 1, d.byte()
	m.Boot, m.Seq = d.uvarint(), d.uvarint()
	m.TimeMS, m.ReceivedMS = d.varint(), d.varint()
	m.Flags = Flags(d.uvarint())
	m.Readings = Readings(d.b)
	return m, d.err
}

// Append encodes r.
func (r *Rejected) Append(b []byte) []byte {
	b = appendBytes(b, r.Reason)
	b = appendBytes(b, r.Tracker)
	b = appendBytes(b, r.Topic)
	b = appendBytes(b, r.Detail)
	b = binary.AppendUvarint(b, r.Count)
	b = binary.AppendUvarint(b, uint64(r.Bytes))
	b = appendBytes(b, r.Hash)
	b = binary.AppendVarint(b, r.ReceivedMS)
	return append(b, r.Raw...)
}

// DecodeRejected reads what Append wrote.
func DecodeRejected(b []byte) (Rejected, error) {
	d := decoder{b: b}
	r := Rejected{Reason: string(d.bytes()), Tracker: string(d.bytes()), Topic: string(d.bytes()), Detail: string(d.bytes()),
		Count: d.uvarint(), Bytes: int(d.uvarint()), Hash: string(d.bytes()), ReceivedMS: d.varint()}
	r.Raw = d.b
	return r, d.err
}

// Flags is a set of the reason codes that an accepted message can carry.
type Flags uint16

var flagNames = [...]telemetry.Reason{
	telemetry.SeqGap, telemetry.Reordered, telemetry.Late, telemetry.Fork, telemetry.BootRegress, telemetry.ChainBreak,
	telemetry.ClockAhead, telemetry.ClockBehind, telemetry.AfterClose, telemetry.Unassigned, telemetry.Flawed,
	telemetry.Reboot, // by its counter, of a message without a signature: of a signed one its boot says so
}

// Flag is the set of one code.
func Flag(r telemetry.Reason) Flags {
	for i, name := range flagNames {
		if name == r {
			return 1 << i
		}
	}
	panic("not a flag: " + string(r))
}

// FlagsOf is the set of those codes that are flags.
func FlagsOf(names []string) (f Flags) {
	for i, name := range flagNames {
		if slices.Contains(names, string(name)) {
			f |= 1 << i
		}
	}
	return f
}

// Names lists the codes, nil when there are none.
func (f Flags) Names() []string {
	var names []string
	for i, name := range flagNames {
		if f&(1<<i) != 0 {
			names = append(names, string(name))
		}
	}
	return names
}

// Readings is a message's readings without maps: a count, then for each reading time, number of values, and quantity number
// with value.
type Readings []byte

// EncodeReadings packs the readings, without those that have no value, or no time that can be: InfluxDB would make a shard for each
// invented week.
func EncodeReadings(readings []telemetry.Reading, receivedMS int64) Readings {
	size := 2
	for i := range readings {
		size += 12 + 9*len(readings[i].Values)
	}
	b := binary.AppendUvarint(make([]byte, 0, size), uint64(len(readings)))
	for i := range readings {
		r := &readings[i]
		if !r.Counts(receivedMS) {
			continue
		}
		b = binary.AppendVarint(b, r.TimeMS)
		values := r.Said()
		b = append(b, byte(len(values)))
		for q := range telemetry.Quantities {
			if v, ok := values[telemetry.Quantities[q].Name]; ok {
				b = append(b, byte(q))
				b = binary.BigEndian.AppendUint64(b, math.Float64bits(v))
			}
		}
	}
	return b
}

// Count is how many readings the message had, with those left out.
func (r Readings) Count() int {
	n, _ := binary.Uvarint(r)
	return int(n)
}

// Value is one measured quantity.
type Value struct {
	Quantity int // index in telemetry.Quantities
	Value    float64
}

// Each calls fn for each reading that was kept; values is reused.
func (r Readings) Each(fn func(ms int64, values []Value)) error {
	d := decoder{b: r}
	d.uvarint()
	values := make([]Value, 0, 8) // more than a usual reading has
	for len(d.b) > 0 && d.err == nil {
		ms := d.varint()
		n := int(d.byte())
		values = values[:0]
		for range n {
			q := int(d.byte())
			if len(d.b) < 8 || q >= len(telemetry.Quantities) {
				return errRecord
			}
			values = append(values, Value{q, math.Float64frombits(binary.BigEndian.Uint64(d.b))})
			d.b = d.b[8:]
		}
		if d.err == nil {
			fn(ms, values)
		}
	}
	return d.err
}

var errRecord = errors.New("journal: record is damaged")

func appendBytes[T string | []byte](b []byte, v T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

// decoder reads fields one after another; after the first error all are zero.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail() { d.b, d.err = nil, errRecord }

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail()
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) copy(dst []byte) {
	if len(d.b) < len(dst) {
		d.fail()
		return
	}
	d.b = d.b[copy(dst, d.b):]
}

var errStop = errors.New("stop")

// Queued calls fn for queued records from number from on, oldest first, until fn returns false. The slices are valid until
// fn returns.
func (db *DB) Queued(from uint64, fn func(n uint64, kind RecordKind, body []byte) (more bool, err error)) error {
	first, end := queueKey(max(from, db.head.Load())), queueKey(db.next.Load())
	err := db.scan(first[:], end[:], func(key, value []byte) error {
		if len(value) == 0 {
			return fmt.Errorf("%w: queue", errRecord)
		}
		more, err := fn(binary.BigEndian.Uint64(key[1:]), RecordKind(value[0]), value[1:])
		if err == nil && !more {
			return errStop
		}
		return err
	})
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

// QueueHead is the number of the oldest queued record, QueueEnd that of the next to come.
func (db *DB) QueueHead() uint64 { return db.head.Load() }
func (db *DB) QueueEnd() uint64  { return db.next.Load() }

// WaitingMS is when the oldest queued message was received, or the oldest head was anchored; 0 when none waits or it cannot be read.
func (db *DB) WaitingMS() (ms int64) {
	_ = db.Queued(0, func(_ uint64, kind RecordKind, body []byte) (bool, error) {
		switch kind {
		case MessageRecord:
			if m, err := DecodeMessage(body); err == nil {
				ms = m.ReceivedMS
			}
		case HeadRecord:
			if h, err := DecodeHead(body); err == nil {
				ms = h.TimeMS
			}
		}
		return false, nil
	})
	return ms
}

// Trim forgets the queued records before upTo, of the given size together: they are in InfluxDB. The removal is not synced.
// A crash before it reaches the disk only means that the same points are written once more.
func (db *DB) Trim(upTo uint64, bytes int64) error {
	from, to := queueKey(db.head.Load()), queueKey(upTo)
	b := db.pebble.NewBatch()
	defer b.Close()
	if f := db.opts.Faults; f != nil {
		if err := f.Before("stored"); err != nil {
			return err
		}
	}
	if err := b.DeleteRange(from[:], to[:], nil); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := b.Set(metaKey("stored"), binary.BigEndian.AppendUint64(nil, upTo), nil); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := db.pebble.Apply(b, pebble.NoSync); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	db.head.Store(upTo)
	db.bytes.Add(-bytes)
	if f := db.opts.Faults; f != nil {
		return f.After("stored")
	}
	return nil
}
