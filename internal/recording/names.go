package recording

import (
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// quantityNames are other names that headers have for quantities, after stemOf.
var quantityNames = map[string]string{
	"temp": "temperature", "temperatur": "temperature", "température": "temperature", "temperatura": "temperature", "temperatuur": "temperature",
	"teplota": "temperature", "lämpötila": "temperature", "air_temp": "temperature", "air_temperature": "temperature",
	"hum": "humidity", "rh": "humidity", "relative_humidity": "humidity", "rel_humidity": "humidity", "feuchte": "humidity", "feuchtigkeit": "humidity",
	"luftfeuchte": "humidity", "luftfeuchtigkeit": "humidity", "rel_feuchte": "humidity", "relative_feuchte": "humidity", "humidité": "humidity", "humedad": "humidity",
	"humedad_relativa": "humidity", "umidità": "humidity", "vlhkost": "humidity", "wilgotność": "humidity", "luchtvochtigheid": "humidity",
	"acc_x": "accel_x", "acc_y": "accel_y", "acc_z": "accel_z", "acceleration_x": "accel_x", "acceleration_y": "accel_y", "acceleration_z": "accel_z",
	"illuminance": "light", "lux": "light", "latitude": "lat", "longitude": "lon", "lng": "lon", "battery_level": "battery",
}

// What headers call a time, a date without a time of day, and a time of day.
var (
	timeNames = names("timestamp time_stamp time datetime date_time date_and_time date ts recorded_at recorded log_time sample_time zeit datum zeitpunkt zeitstempel datum_zeit datum_uhrzeit " +
		"horodatage date_heure fecha fecha_hora fecha_y_hora data data_ora dato")
	dateNames  = names("date datum fecha data dato")
	clockNames = names("time uhrzeit zeit hora heure ora tijd")
)

// labels are columns whose numbers measure nothing: they count rows and name devices.
var labels = names("no nr n num number index row record rec seq sample sample_no reading_no record_no serial serial_no serial_number sn s_n " +
	"id device device_id deviceid sensor_id sensorid logger logger_id probe_id mac name lfd_nr")

// noValue are words that loggers write where a probe was not connected or said nothing. Words that say something, such as over, low or open,
// are not among them: who knows that they mean nothing says so by option missing.
var noValue = names("- -- --- ---- ----- n/a na #n/a nan null none nil nc n.c. err err. error nodata no_data no_sensor no_probe disconnected missing invalid * ** *** **** -.- --.- --.-- ---.- ? x")

func names(list string) map[string]bool {
	m := map[string]bool{}
	for _, n := range strings.Fields(list) {
		m[n] = true
	}
	return m
}

func missingWords(more []string) map[string]bool {
	m := map[string]bool{"": true}
	for w := range noValue {
		m[strings.ReplaceAll(w, "_", " ")] = true
	}
	for _, w := range more {
		m[strings.ToLower(strings.TrimSpace(w))] = true
	}
	return m
}

// stemOf is a header's words with _ between, in lower case.
func stemOf(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), "_")
}

// timeHeader reports whether a header names a time, and the zone that it states: Date Time, GMT-07:00.
func timeHeader(header string) (stem string, zone *time.Location, said string, ok bool) {
	base, more := header, ""
	if i := strings.IndexAny(header, "([,"); i >= 0 {
		base, more = header[:i], strings.Trim(header[i:], "([,)] ")
	}
	stem = stemOf(base)
	if zone, ok = offsetOf(more); ok {
		said = more
	} else if cut, utc := strings.CutSuffix(stem, "_utc"); utc {
		stem, zone, said = cut, time.UTC, "UTC"
	}
	return stem, zone, said, timeNames[stem] || clockNames[stem] || strings.HasPrefix(stem, "timestamp_for_")
}

var (
	brackets = regexp.MustCompile(`[(\[]([^()\[\]]*)[)\]]`)
	channel  = regexp.MustCompile(`(?i)^ch(?:annel)?[\s:.#_-]*\d+[\s:_-]+`)
	serial   = regexp.MustCompile(`[\s,]#\d+\s*$`)
)

// quantityHeader finds the quantity and the unit that a header names; u is nil when it names no unit.
func quantityHeader(header string) (q telemetry.Quantity, u *unit, ok bool) {
	h := strings.Join(strings.Fields(serial.ReplaceAllString(channel.ReplaceAllString(strings.TrimSpace(header), ""), "")), " ")
	said := ""
	h = brackets.ReplaceAllStringFunc(h, func(group string) string {
		inner := strings.TrimSpace(group[1 : len(group)-1])
		if _, is := unitOf(inner, ""); is && said == "" {
			said = inner
			return ""
		}
		if strings.ContainsFunc(inner, unicode.IsDigit) { // a serial number, the number of a probe
			return ""
		}
		return " " + inner
	})
	h = strings.Trim(h, " ,")
	if q, ok = quantityOf(h); !ok && said == "" {
		if i := strings.LastIndexAny(h, ", _"); i > 0 {
			if q, ok = quantityOf(h[:i]); ok {
				said = h[i+1:]
			}
		}
		for i := strings.IndexByte(h, ' '); !ok && i > 0; i = -1 { // Temperature deg C
			if q, ok = quantityOf(h[:i]); ok {
				said = h[i+1:]
			}
		}
	}
	if alone, is := unitOf(h, ""); !ok && is && len(h) > 1 { // the unit is the name: °C, %RH, Celsius(°C)
		for _, of := range telemetry.Quantities[:2] {
			if of.Unit == alone.of {
				q, ok = of, true
			}
		}
		if said == "" {
			said = h
		}
	}
	if !ok || said == "" {
		return q, nil, ok
	}
	u, ok = unitOf(said, q.Unit)
	return q, u, ok
}

// quantityOf knows a quantity by any of its names, also with the number of a probe behind it.
func quantityOf(name string) (telemetry.Quantity, bool) {
	stem := stemOf(name)
	for _, s := range []string{stem, strings.Trim(strings.TrimRight(stem, "0123456789"), "_")} {
		if full, ok := quantityNames[s]; ok {
			s = full
		}
		if q, ok := telemetry.FindQuantity(s); ok {
			return q, true
		}
	}
	return telemetry.Quantity{}, false
}
