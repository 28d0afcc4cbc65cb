package recording

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// unit makes the unit of a quantity of values in another.
type unit struct {
	symbol         string
	of             string // SenML unit of the quantities that it is for
	factor, offset float64
}

const standardGravity = 9.80665

// units by their spellings in headers and cells, in lower case.
var units = []struct {
	unit
	spelled []string
}{
	{unit{"°C", "Cel", 1, 0}, []string{"°c", "c", "celsius", "degc", "deg_c", "deg c", "degrees c", "ºc", "℃"}},
	{unit{"°F", "Cel", 5.0 / 9, -160.0 / 9}, []string{"°f", "f", "fahrenheit", "degf", "deg_f", "deg f", "degrees f", "ºf", "℉"}},
	{unit{"K", "Cel", 1, -273.15}, []string{"k", "kelvin", "°k"}},
	{unit{"%RH", "%RH", 1, 0}, []string{"%rh", "% rh", "rh%", "rh %", "%r.h.", "%rf", "% rf", "%", "pct", "percent", "rh"}},
	{unit{"%", "%EL", 1, 0}, []string{"%", "pct", "percent"}},
	{unit{"lx", "lx", 1, 0}, []string{"lx", "lux"}},
	{unit{"mlx", "lx", 0.001, 0}, []string{"mlx"}},
	{unit{"m/s²", "m/s2", 1, 0}, []string{"m/s²", "m/s2", "m/s^2", "ms2", "mps2"}},
	{unit{"g", "m/s2", standardGravity, 0}, []string{"g"}},
	{unit{"mg", "m/s2", standardGravity / 1000, 0}, []string{"mg"}},
	{unit{"m/s", "m/s", 1, 0}, []string{"m/s", "ms", "mps"}},
	{unit{"km/h", "m/s", 1 / 3.6, 0}, []string{"km/h", "kmh", "km/hr", "kph"}},
	{unit{"ms", "ms", 1, 0}, []string{"ms"}},
	{unit{"°", "deg", 1, 0}, []string{"°", "deg", "degrees"}},
	{unit{"°", "lat", 1, 0}, []string{"°", "deg", "degrees"}},
	{unit{"°", "lon", 1, 0}, []string{"°", "deg", "degrees"}},
}

// unitOf finds a unit of quantities with a SenML unit; "" = of any.
func unitOf(text, of string) (*unit, bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	for i := range units {
		if u := &units[i]; (of == "" || u.of == of) && slices.Contains(u.spelled, text) {
			return &u.unit, true
		}
	}
	return nil, false
}

// formula is *factor+offset, either of them alone as well.
var formula = regexp.MustCompile(`^(?:\*([-\d.eE]+))?(?:\+([-\d.eE]+))?$`)

// formulaOf is a unit that somebody states by numbers.
func formulaOf(text, of string) (*unit, bool) {
	m := formula.FindStringSubmatch(text)
	if m == nil || text == "" {
		return nil, false
	}
	u := unit{symbol: text, of: of, factor: 1}
	for i, to := range []*float64{&u.factor, &u.offset} {
		if m[i+1] == "" {
			continue
		}
		var err error
		if *to, err = strconv.ParseFloat(m[i+1], 64); err != nil {
			return nil, false
		}
	}
	return &u, u.factor != 0
}
