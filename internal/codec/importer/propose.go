package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/internal/profile"
)

// Carriers are the network servers whose messages carry what a codec decodes, by their ready profiles.
var carriers = map[string]struct{ ready, bytes, port, kind string }{
	"ttn-v3":        {"ttn-v3@1", "$.uplink_message.frm_payload", "$.uplink_message.f_port", "ttn"},
	"chirpstack-v4": {"chirpstack-v4@1", "$.data", "$.fPort", "auto"},
}

// Want is what a proposal is to be.
type Want struct {
	ID      string
	Version int    // 0 = 1
	Title   string // "" = made of the id
	Carrier string // ttn-v3, chirpstack-v4
	Kind    string // of codec.Kinds; "" = the carrier's
	Licence string // of the script: whoever publishes it must know it
	Origin  string
}

// Why there is no proposal.
var (
	ErrLicence  = errors.New("the licence of the script is missing: name it as its collection does, for instance Apache-2.0")
	ErrCarrier  = errors.New("the carrier must be ttn-v3 or chirpstack-v4")
	ErrNothing  = errors.New("the examples' output has no value that is known by its name: write the readings of the profile yourself")
	ErrExamples = errors.New("no example came out")
)

// Kind is the kind of script that a carrier's codecs are.
func Kind(carrier string) string { return carriers[carrier].kind }

// Propose makes a profile of a script whose examples were run: when a message counts, its device, time and counter are those of the
// carrier's ready profile, its readings what the examples' output shows. With ErrNothing the document lacks its readings only.
func Propose(w Want, script []byte, results []Result) (profile.Document, error) {
	if strings.TrimSpace(w.Licence) == "" {
		return profile.Document{}, ErrLicence
	}
	c, ok := carriers[w.Carrier]
	if !ok {
		return profile.Document{}, ErrCarrier
	}
	ready, ok := profile.Find(c.ready)
	if !ok {
		return profile.Document{}, fmt.Errorf("%w: %s is not there", ErrCarrier, c.ready)
	}
	base := ready.Document()
	d := profile.Document{
		ID: w.ID, Version: max(1, w.Version), Title: w.Title,
		About:  "Uplinks by " + w.Carrier + ", decoded by the codec of the device.",
		Source: w.Origin, Topics: base.Topics, SkipTopics: base.SkipTopics, Skip: true,
		When:    []profile.Condition{{Path: c.bytes}},
		Devices: base.Devices, Time: base.Time, Sequence: base.Sequence, MessageID: base.MessageID,
		Codec: &profile.Codec{Script: string(script), Kind: w.Kind, Bytes: c.bytes, Encoding: "base64", Port: c.port, Licence: w.Licence, Origin: w.Origin},
	}
	if d.Title == "" {
		d.Title = w.ID + " by " + w.Carrier
	}
	if d.Codec.Kind == "" {
		d.Codec.Kind = c.kind
	}
	var seen outputs
	for _, r := range results {
		seen.add(r.Decoded)
	}
	if seen.n == 0 {
		return d, ErrExamples
	}
	if d.Time != nil {
		at := *d.Time
		at.Of = "message"
		d.Time = &at
	}
	if d.Readings = seen.readings(); seen.repeats && seen.timed {
		d.Each, d.Time = "$.normalized[*]", &profile.Time{From: "$.time", As: "rfc3339", Of: "reading"}
	}
	if len(d.Readings) == 0 {
		return d, ErrNothing
	}
	for _, r := range base.Readings { // how strong the signal was, the network says
		if r.Quantity == "rssi" {
			r.Of = "message"
			d.Readings = append(d.Readings, r)
		}
	}
	return d, nil
}

// normal are the members of normalized payloads, whose names and units their collection fixes.
var normal = []struct{ path, quantity, unit string }{
	{"air.temperature", "temperature", "°C"}, {"air.relativeHumidity", "humidity", "%"}, {"air.pressure", "pressure", "hPa"}, {"air.co2", "co2", "ppm"},
	{"air.lightIntensity", "light", "lx"}, {"position.latitude", "lat", ""}, {"position.longitude", "lon", ""}, {"battery", "voltage", "V"},
}

// known are names that makers use, without blanks and in lower case, and what they mean by them.
var known = []struct {
	quantity, unit string
	names          []string
}{
	{"temperature", "°C", []string{"temperature", "temp", "airtemperature", "ambienttemperature", "temperaturec", "tempc", "tempcsht", "tempcds", "tempc1", "internaltemperature", "boardtemperature", "externaltemperature"}},
	{"humidity", "%", []string{"humidity", "hum", "relativehumidity", "airhumidity", "humsht", "rh", "humi"}},
	{"pressure", "hPa", []string{"pressure", "barometricpressure", "airpressure", "atmosphericpressure"}},
	{"co2", "ppm", []string{"co2", "co2ppm", "co2concentration"}},
	{"light", "lx", []string{"light", "illuminance", "illumination", "illlx", "lux", "lightintensity"}},
	{"lat", "", []string{"latitude", "lat"}},
	{"lon", "", []string{"longitude", "lon", "lng", "long"}},
	{"voltage", "V", []string{"batv", "batteryvoltage", "batvoltage", "vbat", "batteryvolt", "voltage"}},
	{"voltage", "mV", []string{"batmv", "batterymv", "batteryvoltagemv"}},
	{"battery", "%", []string{"batterylevel", "batterypercent", "batterypercentage", "batlevel", "soc", "battery"}},
}

// outputs gathers the numbers of what came out of the examples, by their paths.
type outputs struct {
	n          int
	normalized map[string]bool
	repeats    bool // one output has a quantity in several normalized records
	timed      bool // and each of its records has a time
	data       map[string][]float64
}

func (o *outputs) add(decoded []byte) {
	var out struct {
		Data       any   `json:"data"`
		Normalized []any `json:"normalized"`
	}
	if len(decoded) == 0 || json.Unmarshal(decoded, &out) != nil {
		return
	}
	if o.n++; o.data == nil {
		o.data, o.normalized, o.timed = map[string][]float64{}, map[string]bool{}, true
	}
	walk("", out.Data, 0, func(path string, v float64) { o.data[path] = append(o.data[path], v) })
	before := map[string]bool{}
	for _, record := range out.Normalized {
		here := map[string]bool{}
		walk("", record, 0, func(path string, _ float64) { here[path], o.normalized[path] = true, true })
		if _, ok := member(record, "time").(string); !ok {
			o.timed = false
		}
		for _, n := range normal {
			o.repeats = o.repeats || here[n.path] && before[n.path]
			before[n.path] = before[n.path] || here[n.path]
		}
	}
}

// walk finds numbers in objects, a few levels deep.
func walk(at string, v any, depth int, found func(path string, v float64)) {
	switch v := v.(type) {
	case float64:
		found(at, v)
	case map[string]any:
		if depth >= 4 {
			return
		}
		for name, inner := range v {
			if plainName(name) {
				walk(strings.TrimPrefix(at+"."+name, "."), inner, depth+1, found)
			}
		}
	}
}

// plainName can follow a dot in a path.
func plainName(s string) bool {
	for i, r := range s {
		if !(r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || i > 0 && r >= '0' && r <= '9') {
			return false
		}
	}
	return s != ""
}

// readings are the normalized values where there are some, and of the quantities that are not among them what is known by its name.
func (o *outputs) readings() []profile.Reading {
	var list []profile.Reading
	has := func(quantity string) bool {
		return slices.ContainsFunc(list, func(r profile.Reading) bool { return r.Quantity == quantity })
	}
	// Several records of one quantity are readings of their own when each says its time; else the first one counts.
	record := "$.normalized[*]."
	if o.repeats && o.timed {
		record = "$."
	}
	for _, n := range normal {
		if o.normalized[n.path] {
			list = append(list, profile.Reading{Quantity: n.quantity, From: record + n.path, Unit: n.unit})
		}
	}
	if o.repeats && o.timed {
		return list
	}
	paths := make([]string, 0, len(o.data))
	for p := range o.data {
		paths = append(paths, p)
	}
	// The shallower one is rather the device's own, of two the one with the shorter name.
	slices.SortFunc(paths, func(a, b string) int {
		if d := strings.Count(a, ".") - strings.Count(b, "."); d != 0 {
			return d
		}
		if d := len(a) - len(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	for _, k := range known {
		if has(k.quantity) {
			continue
		}
		for _, name := range k.names {
			if i := slices.IndexFunc(paths, func(p string) bool { return called(p, name) && likely(k.quantity, k.unit, o.data[p]) }); i >= 0 {
				list = append(list, profile.Reading{Quantity: k.quantity, From: "$.data." + paths[i], Unit: k.unit})
				break
			}
		}
	}
	// One half of a place is none.
	if has("lat") != has("lon") {
		list = slices.DeleteFunc(list, func(r profile.Reading) bool { return r.Quantity == "lat" || r.Quantity == "lon" })
	}
	return list
}

// called: the last name of a path, or the one before .value.
func called(path, name string) bool {
	path = strings.TrimSuffix(path, ".value")
	last := path[strings.LastIndexByte(path, '.')+1:]
	return strings.ReplaceAll(strings.ToLower(last), "_", "") == name
}

// likely: what the examples show is such a quantity in such a unit. Some makers' battery is a voltage, or a level of four.
func likely(quantity, unit string, values []float64) bool {
	low, high := slices.Min(values), slices.Max(values)
	switch quantity {
	case "battery":
		return low >= 0 && high > 5 && high <= 100
	case "voltage":
		if unit == "mV" {
			return low >= 500 && high <= 60000
		}
		return low > 0 && high <= 60
	case "pressure":
		return low >= 300 && high <= 1200
	case "humidity":
		return low >= 0 && high <= 100
	case "lat":
		return low >= -90 && high <= 90
	case "lon":
		return low >= -180 && high <= 180
	default:
		return true
	}
}
