package stored

import "github.com/trackseal/trackseal/internal/telemetry"

// NewMessage makes the record of leaf n of a log from its entry and what the tracker said in it. Its flags are those of what it says. Raw, Tracker, Shipment and
// the flags of its place are the caller's to add.
func NewMessage(log string, n uint64, entry []byte, leaf telemetry.Leaf, o *telemetry.Opened) Message {
	m := Message{Log: log, Leaf: n, Entry: entry, Trust: Unsigned, TimeMS: o.TimeMS, ReceivedMS: leaf.ReceivedMS, Readings: len(o.Readings)}
	for _, f := range o.Flags(leaf.ReceivedMS) {
		m.Flags = append(m.Flags, string(f))
	}
	if s := o.Signed; s != nil {
		m.Trust, m.Boot, m.Seq, m.Kind = Signed, s.Boot, s.Seq, int(s.Kind)
	}
	return m
}

// Add puts a message and its readings into a batch: whoever stores messages does it here. each gives the readings that have a point, in
// the way of Batch.Reading.
func Add(b Batch, m *Message, each func(reading func(timeMS int64, n int, value func(i int) (string, float64))) error) error {
	b.Message(m)
	return each(func(timeMS int64, n int, value func(i int) (string, float64)) {
		b.Reading(m.Log, m.Tracker, m.Leaf, timeMS, n, value)
	})
}

// Restore is AddOpened where other points may stand: they are written over.
func Restore(b Batch, m *Message, o *telemetry.Opened) error { return AddOpened(over{b}, m, o) }

type over struct{ Batch }

func (o over) Message(m *Message) { o.Overwrite(m) }

// AddOpened is Add of what the tracker said. A reading that does not count has no point.
func AddOpened(b Batch, m *Message, o *telemetry.Opened) error {
	return Add(b, m, func(reading func(int64, int, func(int) (string, float64))) error {
		for i := range o.Readings {
			r := &o.Readings[i]
			if !r.Counts(m.ReceivedMS) {
				continue
			}
			var names []string
			said := r.Said()
			for q := range telemetry.Quantities {
				if _, ok := said[telemetry.Quantities[q].Name]; ok {
					names = append(names, telemetry.Quantities[q].Name)
				}
			}
			reading(r.TimeMS, len(names), func(i int) (string, float64) { return names[i], said[names[i]] })
		}
		return nil
	})
}
