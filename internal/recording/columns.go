package recording

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// role of a column.
type role int

const (
	unread       role = iota // no measurement, as far as is known
	label                    // numbers that measure nothing
	ignored                  // on request
	timed                    // the time, or a part of it
	labelTracker             // the tracker of the row
	measured
	unitCell // the unit of the values beside it
)

type column struct {
	i        int
	header   string
	as       role
	quantity telemetry.Quantity
	unit     *unit // nil: none is named, so the quantity's own
	unitAt   int   // column with each value's unit, -1 = none
	zone     *time.Location
	zoneSaid string
	rival    string // the column that is this one's quantity already
}

// unitName of its values.
func (c *column) unitName() string {
	if c.unit != nil {
		return c.unit.symbol
	}
	return c.quantity.Symbol
}

type columns struct {
	all      []column
	times    []int // one, or date and time of day
	measured int
}

func (c *columns) at(i int) *column {
	if i >= len(c.all) {
		return nil
	}
	return &c.all[i]
}

// timeOf is a row's time as text.
func (c *columns) timeOf(fields []string) string {
	text := ""
	for _, i := range c.times {
		if i < len(fields) {
			text = strings.TrimSpace(text + " " + strings.TrimSpace(fields[i]))
		}
	}
	return text
}

func (c *columns) timeName() string { return c.all[c.times[0]].header }

func (c *columns) report() Report {
	r := Report{Columns: []Use{}, Ignored: []string{}, Unread: []string{}, Missing: []Count{}, Faults: []Count{}}
	for _, c := range c.all {
		switch c.as {
		case timed:
			r.Columns = append(r.Columns, Use{c.header, "time", ""})
		case labelTracker:
			r.Columns = append(r.Columns, Use{c.header, "tracker", ""})
		case measured:
			r.Columns = append(r.Columns, Use{c.header, c.quantity.Name, c.unitName()})
		case ignored:
			r.Ignored = append(r.Ignored, c.header)
		case unread, label:
			r.Unread = append(r.Unread, c.header)
		case unitCell:
		}
	}
	return r
}

// columnsOf says what each column of a header holds; seen is how much of it looks like one.
func columnsOf(header []string, o options, line int) (cols columns, seen int, err error) {
	if len(header) > maxColumns {
		return cols, maxColumns, &Fault{Line: line, Reason: fmt.Sprintf("%d columns; at most %d", len(header), maxColumns)}
	}
	for i, h := range header {
		cols.all = append(cols.all, column{i: i, header: strings.TrimSpace(h), unitAt: -1})
	}
	var dates, clocks, moments []int
	for i := range cols.all {
		c := &cols.all[i]
		stem, zone, said, ok := timeHeader(c.header)
		if !ok {
			continue
		}
		c.zone, c.zoneSaid = zone, said
		moments = append(moments, i)
		if dateNames[stem] {
			dates = append(dates, i)
		} else if clockNames[stem] {
			clocks = append(clocks, i)
		}
	}
	for i := range cols.all {
		if _, _, ok := quantityHeader(cols.all[i].header); ok {
			seen++
		}
	}
	seen += 2 * len(moments)
	if err = cols.ask(o, line); err != nil {
		return cols, seen, err
	}
	moments = slices.DeleteFunc(moments, func(i int) bool { return cols.all[i].as != unread })
	if len(cols.times) == 0 {
		if len(moments) == 2 && len(dates) == 1 && len(clocks) == 1 {
			moments = []int{dates[0], clocks[0]}
		} else if len(moments) > 1 {
			return cols, seen, &Fault{Line: line, Reason: fmt.Sprintf("columns %s and %s both look like the time: give option map, time=%[1]s", cols.all[moments[0]].header, cols.all[moments[1]].header)}
		}
		for _, i := range moments {
			cols.all[i].as = timed
		}
		cols.times = moments
	}
	cols.guess()
	if cols.measured > 0 && len(cols.times) > 0 {
		return cols, seen, nil
	}
	what := "looks like a measurement: give option map, such as temperature=HEADER"
	if len(cols.times) == 0 {
		what = "looks like the time: give option map, time=HEADER"
	}
	return cols, seen, &Fault{Line: line, Reason: fmt.Sprintf("no column %s; the columns are %s", what, cols.names())}
}

func (cols *columns) names() string {
	names := make([]string, len(cols.all))
	for i, c := range cols.all {
		names[i] = c.header
	}
	return fmt.Sprintf("%.400s", strings.Join(names, " | "))
}

// ask does what the options say of columns.
func (cols *columns) ask(o options, line int) error {
	for n, m := range slices.Concat(o.Map, o.known.Map) {
		what, ref, ok := strings.Cut(m, "=")
		what, unitText, hasUnit := strings.Cut(strings.TrimSpace(what), "[")
		if !ok || ref == "" {
			return &Fault{Reason: fmt.Sprintf("option map: %.80q must be quantity=HEADER or quantity[unit]=HEADER", m)}
		}
		q, known := telemetry.FindQuantity(what)
		if !known && what != "time" && what != "tracker" {
			return &Fault{Reason: fmt.Sprintf("option map: %.40q is not one of time, tracker, %s", what, quantityList(", "))}
		}
		var u *unit
		if hasUnit {
			text := strings.TrimSuffix(unitText, "]")
			if u, ok = unitOf(text, q.Unit); !ok {
				if u, ok = formulaOf(text, q.Unit); !ok || !known {
					return &Fault{Reason: fmt.Sprintf("option map: %.40q is no unit of %s; a unit such as °F, or *factor+offset", text, what)}
				}
			}
		}
		found := cols.find(ref)
		if len(found) == 0 && n >= len(o.Map) {
			continue // a profile's columns need not be there
		}
		if len(found) == 0 {
			return &Fault{Line: line, Reason: fmt.Sprintf("option map: there is no column %q; the columns are %s", ref, cols.names())}
		}
		if len(found) > 1 {
			return &Fault{Line: line, Reason: fmt.Sprintf("option map: %d columns are %q; #1, #2 … name one by its number", len(found), ref)}
		}
		c := &cols.all[found[0]]
		if c.as != unread {
			return &Fault{Line: line, Column: c.header, Reason: "option map names it twice"}
		}
		switch what {
		case "time":
			c.as = timed
			cols.times = append(cols.times, c.i)
		case "tracker":
			c.as = labelTracker
		default:
			if cols.holder(q) != nil {
				return &Fault{Line: line, Column: c.header, Reason: fmt.Sprintf("option map gives %s twice", what)}
			}
			if _, named, is := quantityHeader(c.header); is && u == nil {
				u = named
			} else if u == nil {
				u = loneUnit(c.header, q)
			}
			cols.take(c, q, u)
		}
	}
	for n, ref := range slices.Concat(o.Ignore, o.known.Ignore) {
		found := cols.find(ref)
		if len(found) == 0 && n < len(o.Ignore) {
			return &Fault{Line: line, Reason: fmt.Sprintf("option ignore: there is no column %q; the columns are %s", ref, cols.names())}
		}
		for _, i := range found {
			if cols.all[i].as == unread {
				cols.all[i].as = ignored
			}
		}
	}
	return nil
}

// loneUnit is the unit in the brackets of a header whose name is not known: Probe 2 (°F).
func loneUnit(header string, q telemetry.Quantity) *unit {
	for _, m := range brackets.FindAllStringSubmatch(header, -1) {
		if u, ok := unitOf(m[1], q.Unit); ok {
			return u
		}
	}
	return nil
}

// guess reads the headers that nobody has said anything of.
func (cols *columns) guess() {
	for i := range cols.all {
		c := &cols.all[i]
		if c.as != unread {
			continue
		}
		q, u, ok := quantityHeader(c.header)
		holder := cols.holder(q)
		switch stem := stemOf(c.header); {
		case ok && holder == nil:
			cols.take(c, q, u)
		case ok:
			c.rival = holder.header
		case stem == "tracker" || stem == "tracker_id":
			c.as = labelTracker
		case labels[stem] || c.header == "#":
			c.as = label
		}
	}
	for i := range cols.all { // each value has its unit beside it
		if c := &cols.all[i]; c.as == unread && (stemOf(c.header) == "unit" || stemOf(c.header) == "units") && cols.measured == 1 {
			c.as = unitCell
			for j := range cols.all {
				if m := &cols.all[j]; m.as == measured && m.unit == nil {
					m.unitAt = i
				}
			}
		}
	}
}

func (cols *columns) take(c *column, q telemetry.Quantity, u *unit) {
	c.as, c.quantity, c.unit = measured, q, u
	cols.measured++
}

// holder is the column that a quantity is read from.
func (cols *columns) holder(q telemetry.Quantity) *column {
	for i := range cols.all {
		if c := &cols.all[i]; c.as == measured && c.quantity.Name == q.Name {
			return c
		}
	}
	return nil
}

// find gives the columns that are meant: by header, by number (#3), or by the beginning of the header (Temp*).
func (cols *columns) find(ref string) (found []int) {
	for i, c := range cols.all {
		if strings.EqualFold(strings.TrimSpace(ref), c.header) {
			found = append(found, i)
		}
	}
	if len(found) > 0 {
		return found
	}
	if number, ok := strings.CutPrefix(ref, "#"); ok {
		if n, err := strconv.Atoi(number); err == nil && n >= 1 && n <= len(cols.all) {
			return []int{n - 1}
		}
	}
	for i, c := range cols.all {
		if refers(ref, c.header) {
			found = append(found, i)
		}
	}
	return found
}

// refers reports whether a header is meant by its name, or by its beginning.
func refers(ref, header string) bool {
	begin, ok := strings.CutSuffix(ref, "*")
	if !ok {
		return strings.EqualFold(ref, header)
	}
	return len(header) >= len(begin) && strings.EqualFold(header[:len(begin)], begin)
}

// unreadFault is about a column that holds numbers and that nothing reads.
func (c *column) unreadFault(text string, line int) *Fault {
	reason := fmt.Sprintf("holds numbers, such as %.20s, and is not read", text)
	if c.rival != "" {
		reason = fmt.Sprintf("holds the same quantity as column %s", c.rival)
	}
	reason += fmt.Sprintf(": give option map, QUANTITY=%s, or option ignore", c.header)
	if p := knowing(c.header); p != "" {
		reason += "; or, if the file is of one of these, option profile: " + p
	}
	return &Fault{Line: line, Column: c.header, Reason: reason}
}

func quantityList(between string) string {
	names := make([]string, len(telemetry.Quantities))
	for i, q := range telemetry.Quantities {
		names[i] = q.Name
	}
	return strings.Join(names, between)
}
