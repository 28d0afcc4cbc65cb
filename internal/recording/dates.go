package recording

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// earliest is what a message can carry: RFC 8428 reads smaller times as relative.
const earliest = 1 << 28

// orders of day, month and year that a date of numbers can have.
type orders uint8

const (
	dmy orders = 1 << iota
	mdy
	ymd
	anyOrder = dmy | mdy | ymd
)

var orderByName = map[string]orders{"dmy": dmy, "mdy": mdy, "ymd": ymd, "": anyOrder}

// clock reads times.
type clock struct {
	zone   *time.Location // of times without one; nil = not said
	said   string         // how it was said
	option bool           // by an option
	used   bool           // for a time
	orders orders         // that all dates so far can have
}

func newClock(o Options) (clock, error) {
	c := clock{orders: orderByName[o.Dates], option: o.Zone != ""}
	if c.orders == 0 {
		return c, &Fault{Reason: fmt.Sprintf("option dates: %.20q must be dmy, mdy or ymd", o.Dates)}
	}
	if !c.option {
		return c, nil
	}
	var err error
	c.zone, err = zoneOf(o.Zone)
	c.said = o.Zone
	return c, err
}

// header takes the zone that a column's header states: Date Time, GMT-07:00.
func (c *clock) header(cols columns, line int) error {
	for _, i := range cols.times {
		h := cols.all[i]
		switch {
		case h.zone == nil:
		case c.option && c.said != h.zoneSaid:
			return &Fault{Line: line, Column: h.header, Reason: fmt.Sprintf("the header says %s; leave option zone out", h.zoneSaid)}
		default:
			c.zone, c.said = h.zone, h.zoneSaid
		}
	}
	return nil
}

// narrow learns the order of dates from one.
func (c *clock) narrow(text string) { _, _ = c.wall(text) }

var (
	errNoZone    = errors.New("times have no zone: give option zone, such as Europe/Berlin, UTC or +01:00")
	errAmbiguous = errors.New("day or month first? Give option dates: dmy, mdy or ymd")
)

// read understands one time.
func (c *clock) read(text string) (instant, error) {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return instant{ms: t.UnixMilli()}, tooEarly(t.UnixMilli(), text)
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return epoch(n, text)
	}
	w, err := c.wall(text)
	if err != nil {
		return instant{}, err
	}
	zone := w.zone
	if zone == nil {
		if zone, c.used = c.zone, true; zone == nil {
			return instant{}, errNoZone
		}
	}
	at, ok := instants(w.time, zone)
	if !ok {
		return at, fmt.Errorf("%s does not exist in %s: the clocks were put forward over it; give the offset of the logger's clock as option zone, such as +01:00", text, c.said)
	}
	return at, tooEarly(at.ms, text)
}

// epoch is seconds or milliseconds since 1970.
func epoch(n float64, text string) (instant, error) {
	if n > 20_000 && n < 80_000 {
		return instant{}, fmt.Errorf("%s looks like a spreadsheet's number of a day; format the column as date and time, and export again", text)
	}
	if math.Abs(n) < 1e11 {
		n *= 1000
	}
	if !(n >= earliest*1000 && n < 1e14) {
		return instant{}, fmt.Errorf("%s is no time: neither seconds nor milliseconds since 1970 between 1978 and 5138", text)
	}
	return instant{ms: int64(math.Round(n))}, nil
}

func tooEarly(ms int64, text string) error {
	if ms < earliest*1000 {
		return fmt.Errorf("time %s is before 1978", text)
	}
	return nil
}

// wall is a time as a clock on the wall shows it, and the zone that is written beside it.
type wall struct {
	time time.Time // in UTC
	zone *time.Location
}

func (c *clock) wall(text string) (w wall, err error) {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		return r
	}, text)
	colon := strings.IndexByte(text, ':')
	if colon < 0 {
		return w, fmt.Errorf("%.40q is not a date with a time of day, such as 2026-01-31 08:00:00", text)
	}
	begin := colon
	for begin > 0 && text[begin-1] >= '0' && text[begin-1] <= '9' {
		begin--
	}
	day, err := c.date(strings.TrimRight(text[:begin], "Tt, "))
	if err != nil {
		return w, err
	}
	clock, rest := ofDay(text[begin:])
	if clock < 0 {
		return w, fmt.Errorf("%.40q is not a time of day", text[begin:])
	}
	w.time = day.Add(clock)
	if rest != "" {
		var ok bool
		if w.zone, ok = offsetOf(rest); !ok {
			return w, fmt.Errorf("zone %.20q is not understood; zones are Z, UTC or an offset such as +01:00", rest)
		}
	}
	return w, nil
}

// timeOfDay is 15:04, 15:04:05.678 or 3:04:05 p.m., and what follows it.
var timeOfDay = regexp.MustCompile(`^(\d{1,2}:\d{2}(:\d{2}(?:[.,]\d{1,9})?)?) ?(?i:([ap])\.?m\.?)? ?(.*)$`)

// ofDay reads a time of day; -1 = it is none.
func ofDay(text string) (clock time.Duration, rest string) {
	m := timeOfDay.FindStringSubmatch(text)
	if m == nil {
		return -1, ""
	}
	layout := "15:04"
	if m[2] != "" {
		layout = "15:04:05" // with or without a fraction
	}
	if m[3] != "" {
		layout, m[1] = "3"+layout[2:]+"PM", m[1]+strings.ToUpper(m[3])+"M"
	}
	t, err := time.Parse(layout, m[1])
	if err != nil {
		return -1, ""
	}
	return t.Sub(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)), m[4]
}

// named are dates with the name of a month.
var named = []string{"2-Jan-2006", "2-Jan-06", "Jan-2-2006", "2-January-2006", "January-2-2006"}

// date reads a day. One that can be read in several ways is none, unless all dates before it say which way.
func (c *clock) date(text string) (time.Time, error) {
	none := fmt.Errorf("%.40q is not a date, such as 2026-01-31, 31.01.2026 or 31-Jan-2026", text)
	parts := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("/-. ,", r) })
	if len(parts) != 3 {
		return time.Time{}, none
	}
	var n [3]int
	for i, p := range parts {
		var err error
		if n[i], err = strconv.Atoi(p); err != nil {
			for _, layout := range named {
				if t, err := time.Parse(layout, strings.Join(parts, "-")); err == nil {
					return t, nil
				}
			}
			return time.Time{}, none
		}
	}
	can := dmy | mdy | ymd
	switch long := len(parts[2]) == 4; {
	case len(parts[0]) == 4:
		if t, ok := day(n[0], n[1], n[2]); ok {
			return t, nil
		}
		return time.Time{}, none
	case long && strings.Contains(text, "."):
		can = dmy // nobody writes the month first with points
	case long:
		can = dmy | mdy
	}
	var found []time.Time
	var fits orders
	for _, o := range []orders{dmy, mdy, ymd} {
		y, m, d := n[2], n[1], n[0]
		switch o {
		case mdy:
			m, d = n[0], n[1]
		case ymd:
			y, d = n[0], n[2]
		}
		if len(parts[2]) != 4 { // years of two digits: loggers have no dates before 2010
			if y += 2000; y < 2010 {
				continue
			}
		}
		t, ok := day(y, m, d)
		if ok && o&can != 0 {
			fits |= o
			if o&c.orders != 0 && (len(found) == 0 || !found[0].Equal(t)) {
				found = append(found, t)
			}
		}
	}
	switch {
	case fits == 0:
		return time.Time{}, none
	case len(found) == 0:
		return time.Time{}, fmt.Errorf("%s has another order of day, month and year than the dates before it or than option dates", text)
	}
	c.orders &= fits
	if len(found) > 1 {
		return time.Time{}, fmt.Errorf("%s: %w", text, errAmbiguous)
	}
	return found[0], nil
}

// day is a date that exists.
func day(y, m, d int) (time.Time, bool) {
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	return t, y > 1900 && y < 5138 && t.Month() == time.Month(m) && t.Day() == d
}
