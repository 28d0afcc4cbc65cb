package replay

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// Column says how one quantity is computed from a column: value*Factor + Offset.
type Column struct {
	Name   string
	Factor float64
	Offset float64
}

// Mapping says which columns hold what.
type Mapping struct {
	Time       string            // column of the time
	Quantities map[string]Column // by quantity name
}

const standardGravity = 9.80665

// mapItem is "quantity=column[*factor][+offset]".
var mapItem = regexp.MustCompile(`^([^=]*)=([^*+]+)(?:\*([^+]*))?(?:\+(.*))?$`)

// ParseMap reads items with commas between, for example "light=light_mlx*0.001,temperature=deg_f*0.55556+-17.778".
func ParseMap(text string) (map[string]Column, error) {
	out := make(map[string]Column)
	if text == "" {
		return out, nil
	}
	for _, part := range strings.Split(text, ",") {
		m := mapItem.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			return nil, fmt.Errorf("--map %q: want quantity=column[*factor][+offset], with numbers", part)
		}
		name, c := m[1], Column{Name: m[2]}
		var err1, err2 error
		c.Factor, err1 = number(cmp.Or(m[3], "1"))
		c.Offset, err2 = number(cmp.Or(m[4], "0"))
		_, known := telemetry.FindQuantity(name)
		_, twice := out[name]
		switch {
		case !known:
			return nil, fmt.Errorf("--map %q: quantity %q is not one of %s", part, name, QuantityNames(", "))
		case twice:
			return nil, fmt.Errorf("--map: quantity %s is given twice", name)
		case err1 != nil || err2 != nil:
			return nil, fmt.Errorf("--map %q: factor %q or offset %q is not a number", part, m[3], m[4])
		}
		out[name] = c
	}
	return out, nil
}

func number(s string) (float64, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
		err = strconv.ErrRange
	}
	return v, err
}

// QuantityNames lists what a column can hold.
func QuantityNames(between string) string {
	names := make([]string, len(telemetry.Quantities))
	for i, q := range telemetry.Quantities {
		names[i] = q.Name
	}
	return strings.Join(names, between)
}

// stems are other names that headers use for a quantity.
var stems = map[string]string{
	"temp": "temperature", "hum": "humidity", "rh": "humidity", "relative_humidity": "humidity",
	"acc_x": "accel_x", "acc_y": "accel_y", "acc_z": "accel_z",
	"acceleration_x": "accel_x", "acceleration_y": "accel_y", "acceleration_z": "accel_z",
	"illuminance": "light", "lux": "light", "latitude": "lat", "longitude": "lon", "lng": "lon", "battery_level": "battery",
}

// units are header endings: what they do to a value, for the quantities of one SenML unit ("" = any).
var units = []struct {
	ending, unit   string
	factor, offset float64
}{
	{"_c", "Cel", 1, 0}, {"_celsius", "Cel", 1, 0}, {"_degc", "Cel", 1, 0},
	{"_f", "Cel", 5.0 / 9, -160.0 / 9}, {"_k", "Cel", 1, -273.15},
	{"_pct", "%RH", 1, 0}, {"_percent", "%RH", 1, 0}, {"_rh", "%RH", 1, 0},
	{"_pct", "%EL", 1, 0}, {"_percent", "%EL", 1, 0},
	{"_lx", "lx", 1, 0}, {"_lux", "lx", 1, 0}, {"_mlx", "lx", 0.001, 0},
	{"_mg", "m/s2", standardGravity / 1000, 0}, {"_g", "m/s2", standardGravity, 0}, {"_ms2", "m/s2", 1, 0}, {"_mps2", "m/s2", 1, 0},
	{"_kmh", "m/s", 1 / 3.6, 0}, {"_ms", "m/s", 1, 0}, {"_mps", "m/s", 1, 0},
	{"_deg", "deg", 1, 0}, {"_deg", "lat", 1, 0}, {"_deg", "lon", 1, 0},
}

var timeNames = []string{"timestamp", "time", "datetime", "date_time", "ts", "recorded_at"}

// guess finds what a header means; ok is false when it means nothing here.
func guess(header string) (quantity string, c Column, ok bool) {
	name := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(header)), " ", "_")
	if q, found := quantityOf(name); found {
		return q.Name, Column{Name: header, Factor: 1}, true
	}
	for _, u := range units {
		stem, cut := strings.CutSuffix(name, u.ending)
		if !cut {
			continue
		}
		if q, found := quantityOf(stem); found && q.Unit == u.unit {
			return q.Name, Column{Name: header, Factor: u.factor, Offset: u.offset}, true
		}
	}
	return "", Column{}, false
}

func quantityOf(name string) (telemetry.Quantity, bool) {
	if full, ok := stems[name]; ok {
		name = full
	}
	return telemetry.FindQuantity(name)
}

// Complete fills what the mapping leaves open from the header, and names the columns that stay unused.
func (m Mapping) Complete(header []string) (full Mapping, unused []string, err error) {
	have := make(map[string]bool, len(header))
	for _, h := range header {
		if have[h] {
			return m, nil, fmt.Errorf("column %q stands twice in the header", h)
		}
		have[h] = true
	}
	full = Mapping{Time: m.Time, Quantities: make(map[string]Column, len(m.Quantities))}
	used := make(map[string]bool)
	for q, c := range m.Quantities {
		if !have[c.Name] {
			return m, nil, fmt.Errorf("--map %s=%s: there is no column %q; the header has %s", q, c.Name, c.Name, strings.Join(header, ", "))
		}
		full.Quantities[q], used[c.Name] = c, true
	}
	for _, name := range timeNames {
		if i := slices.IndexFunc(header, func(h string) bool { return strings.EqualFold(h, name) }); i >= 0 && full.Time == "" {
			full.Time = header[i]
		}
	}
	if full.Time == "" {
		return m, nil, fmt.Errorf("no column looks like a time; name it with --time; the header has %s", strings.Join(header, ", "))
	}
	if !have[full.Time] {
		return m, nil, fmt.Errorf("--time %s: there is no such column; the header has %s", m.Time, strings.Join(header, ", "))
	}
	used[full.Time] = true
	for _, h := range header {
		if used[h] {
			continue
		}
		q, c, ok := guess(h)
		if _, taken := full.Quantities[q]; !ok || taken {
			unused = append(unused, h)
			continue
		}
		full.Quantities[q] = c
	}
	if len(full.Quantities) == 0 {
		return m, nil, fmt.Errorf("no column looks like a quantity; name them with --map; the header has %s", strings.Join(header, ", "))
	}
	return full, unused, nil
}

// String lists the mapping in the form of --map.
func (m Mapping) String() string {
	names := slices.Sorted(maps.Keys(m.Quantities))
	for i, q := range names {
		c := m.Quantities[q]
		names[i] = q + "=" + c.Name
		if c.Factor != 1 {
			names[i] += "*" + strconv.FormatFloat(c.Factor, 'g', 7, 64)
		}
		if c.Offset != 0 {
			names[i] += "+" + strconv.FormatFloat(c.Offset, 'g', 7, 64)
		}
	}
	return strings.Join(names, ",")
}
