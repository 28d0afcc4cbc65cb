package adversary

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/recording"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// A logger that sends nothing is read out when the goods arrive, and its file becomes a recorded trip.

// readOutLater takes the assignment out of a plan and has the loggers read out just before the delivery.
func (p *plan) readOutLater() {
	p.acts = slices.DeleteFunc(p.acts, func(a act) bool { return a.kind == "assign" })
	at := slices.IndexFunc(p.acts, func(a act) bool { return a.kind == "deliver" })
	for i := range p.trackers {
		p.acts = slices.Insert(p.acts, at, act{at: p.acts[at].at, by: carrier, kind: "read out", n: i})
	}
}

// readOut writes a logger's file, has it read as uploads are, and sends what it says.
func (o *odd) readOut(ctx context.Context, t *trip, a act) error {
	d := t.devices[a.n]
	h := o.habits[d]
	h.buffered = slices.DeleteFunc(h.buffered, func(r reading) bool { return r.told.tick <= t.loadTick || r.told.tick > t.endTick })
	text, options := o.file(h.buffered)
	var readings []telemetry.Reading
	report, err := recording.Read(strings.NewReader(text), options, func(_ string, r telemetry.Reading) error {
		readings = append(readings, r)
		return nil
	})
	if err != nil {
		return fmt.Errorf("the logger's file: %w\n%s", err, text)
	}
	if len(readings) == 0 {
		return fmt.Errorf("no reading in the logger's file: %+v\n%s", report, text)
	}
	window := a
	window.kind = "window"
	o.window = ledger.AssignArgs{Shipment: t.shipment(), Tracker: d.ID, FromMS: readings[0].TimeMS, ToMS: readings[len(readings)-1].TimeMS + 1}
	if err := t.do(ctx, window); err != nil {
		return err
	}
	for i := 0; len(readings) > 0; i++ {
		n := min(len(readings), 1+o.IntN(6))
		raw, err := telemetry.EncodePlain(uint64(i), readings[:n])
		if err != nil {
			return err
		}
		readings = readings[n:]
		if err := t.routeOdd(d, h, raw, t.nowMS()); err != nil {
			return err
		}
	}
	for _, r := range h.buffered {
		r.told.receivedMS = t.nowMS()
		o.told = append(o.told, r.told)
	}
	return nil
}

// file is a table as loggers and spreadsheets export it, and what the person who uploads has to say of it.
func (o *odd) file(readings []reading) (string, recording.Options) {
	var options recording.Options
	sep := pick(o.Rand, ",", ";", "\t")
	comma := sep != "," && o.IntN(2) == 0
	fahrenheit := o.IntN(3) == 0
	number := func(v float64) string {
		s := fmt.Sprintf("%.2f", v)
		if comma {
			s = strings.ReplaceAll(s, ".", ",")
		}
		return s
	}
	zone := time.UTC
	clock := func(ms int64) string { return time.UnixMilli(ms).In(zone).Format("2006-01-02T15:04:05.000Z07:00") }
	switch o.IntN(4) {
	case 0:
		clock = func(ms int64) string { return fmt.Sprint(ms) }
	case 1:
		options.Zone, zone = "+02:00", time.FixedZone("", 7200)
		clock = func(ms int64) string { return time.UnixMilli(ms).In(zone).Format("02.01.2006 15:04:05") }
	case 2:
		options.Zone, options.Dates = "UTC", "mdy"
		clock = func(ms int64) string { return time.UnixMilli(ms).In(zone).Format("1/2/2006 3:04:05 PM") }
	}
	unit := pick(o.Rand, "temperature", "Temperature (°C)", "Temp, °C", "Celsius(°C)")
	if fahrenheit {
		unit = "Temperature (°F)"
	}
	quote := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
	var lines []string
	if o.IntN(2) == 0 {
		lines = append(lines, "Logger report", "Serial number: 4711")
	}
	lines = append(lines, strings.Join([]string{"time", quote(unit), "humidity", "No."}, sep))
	for i, r := range readings {
		celsius, ok := r.members[0].value.(float64)
		v := celsius
		if fahrenheit {
			v = celsius*9/5 + 32
		}
		cell := number(v)
		if !ok {
			cell = pick(o.Rand, "", "---", "n/a", "ERR")
		}
		lines = append(lines, strings.Join([]string{clock(r.ms), cell, number(50.5), fmt.Sprint(i + 1)}, sep))
	}
	text := strings.Join(lines, pick(o.Rand, "\n", "\r\n")) + "\n"
	switch o.IntN(4) {
	case 0:
		text = "\ufeff" + text
	case 1:
		b := []byte{0xff, 0xfe}
		for _, u := range utf16.Encode([]rune(text)) {
			b = binary.LittleEndian.AppendUint16(b, u)
		}
		text = string(b)
	}
	return text, options
}
