package profile

import (
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// conversion makes ours of another unit: value*mul + add, both exact.
type conversion struct{ mul, add *big.Rat }

func ratio(mul string) conversion {
	m, _ := new(big.Rat).SetString(mul)
	return conversion{m, new(big.Rat)}
}

func shifted(mul, add string) conversion {
	c := ratio(mul)
	c.add, _ = c.add.SetString(add)
	return c
}

// units: how the unit of a quantity (as telemetry's table has it) may be written, and what makes ours of it.
var units = map[string]map[string]conversion{
	"Cel":  {"°C": ratio("1"), "C": ratio("1"), "Cel": ratio("1"), "degC": ratio("1"), "°F": shifted("5/9", "-160/9"), "F": shifted("5/9", "-160/9"), "degF": shifted("5/9", "-160/9"), "K": shifted("1", "-273.15")},
	"%RH":  {"%RH": ratio("1"), "%": ratio("1"), "fraction": ratio("100")},
	"%EL":  {"%EL": ratio("1"), "%": ratio("1"), "fraction": ratio("100")},
	"m/s2": {"m/s2": ratio("1"), "m/s²": ratio("1"), "g": ratio("9.80665"), "mg": ratio("0.00980665")},
	"ms":   {"ms": ratio("1"), "s": ratio("1000")},
	"deg":  {"deg": ratio("1"), "°": ratio("1")},
	"lx":   {"lx": ratio("1"), "lux": ratio("1"), "klx": ratio("1000")},
	"/":    {"/": ratio("1")},
	"lat":  {"lat": ratio("1"), "deg": ratio("1"), "°": ratio("1")},
	"lon":  {"lon": ratio("1"), "deg": ratio("1"), "°": ratio("1")},
	"m/s":  {"m/s": ratio("1"), "km/h": ratio("5/18"), "kn": ratio("463/900"), "mph": ratio("0.44704")},
	"hPa":  pressures("1"),
	"Pa":   pressures("100"),
	"ppm":  {"ppm": ratio("1")},
	"V":    {"V": ratio("1"), "mV": ratio("0.001")},
	"dBm":  {"dBm": ratio("1"), "dBW": shifted("1", "30")},
}

// pressures by how many of our unit are a hectopascal.
func pressures(ours string) map[string]conversion {
	all := map[string]conversion{}
	one, _ := new(big.Rat).SetString(ours)
	for name, in := range map[string]string{"hPa": "1", "mbar": "1", "Pa": "0.01", "kPa": "10", "bar": "1000", "mmHg": "1.33322387415", "inHg": "33.863886666667", "psi": "68.94757293168", "atm": "1013.25"} {
		c := ratio(in)
		c.mul.Mul(c.mul, one)
		all[name] = c
	}
	return all
}

// unitOf finds a unit of a quantity; "" is the quantity's own.
func unitOf(q *telemetry.Quantity, unit string) (conversion, bool) {
	if unit == "" || unit == q.Unit {
		return ratio("1"), true
	}
	c, ok := units[q.Unit][unit]
	return c, ok
}

// unitsOf names the units of a quantity, for people.
func unitsOf(q *telemetry.Quantity) string {
	return strings.Join(slices.Sorted(maps.Keys(units[q.Unit])), ", ")
}
