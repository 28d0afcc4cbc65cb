package compliance

import (
	"reflect"
	"strings"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// kind is one kind of rule with its configuration.
type kind struct {
	name string
	detect.Kind
}

// about is what excursions are about: a metric or the kind.
func (k kind) about() string {
	if r, ok := k.Kind.(detect.Ranged); ok {
		m, _ := r.Range()
		return m.String()
	}
	return k.name
}

// groups are the kinds that consist of rules.
var groups = []string{"all", "any"}

// kindFields are the members of Rule that are kinds. To register a kind is to give Rule a member of its type.
var kindFields = func() (fields []reflect.StructField) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Rule]()) {
		if f.Type.Implements(reflect.TypeFor[detect.Kind]()) {
			fields = append(fields, f)
		}
	}
	return fields
}()

func memberName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// kindNames are all kinds, in Rule's order.
var kindNames = func() (names []string) {
	for _, f := range kindFields {
		names = append(names, memberName(f))
	}
	return append(names, groups...)
}()

// kindsOf lists the kinds that a rule names, nested rules apart. A valid rule has one, or nested rules.
func kindsOf(r *Rule) []kind {
	var out []kind
	rule := reflect.ValueOf(r).Elem()
	for _, f := range kindFields {
		if v := rule.FieldByIndex(f.Index); !v.IsNil() {
			out = append(out, kind{memberName(f), v.Interface().(detect.Kind)})
		}
	}
	return out
}

// kindOf names a rule's kind.
func kindOf(r *Rule) string {
	for _, k := range kindsOf(r) {
		return k.name
	}
	if r.All != nil {
		return "all"
	}
	return "any"
}

// isEvent tells the metrics that a tracker reports for a moment only.
func isEvent(m detect.Metric) bool { return m == detect.Shock || m == detect.ShockMS }

// holds tells the metrics whose value goes on after the reading, so that it counts when a stage begins in between.
func holds(m detect.Metric) bool {
	switch m {
	case detect.Temperature, detect.Humidity, detect.Tilt, detect.Light, detect.Door, detect.Latitude, detect.Longitude, detect.Speed, detect.Battery:
		return true
	}
	return false
}

// Text says in words what a rule of the set asks: what its kind asks, and when.
func (rs *RuleSet) Text(i int) string {
	text := rs.Rules[i].text()
	if h := rs.Rules[i].Hours; h != nil {
		text += ", from " + h.From + " to " + h.To + " in " + rs.Zone.Name
	}
	return text
}

func (r *Rule) text() string {
	text := r.asks()
	if len(r.Stages) > 0 {
		text += ", " + strings.ReplaceAll(strings.Join(r.Stages, " and "), "_", " ")
	}
	if r.SettleS > 0 {
		text += ", after the first " + detect.Seconds(r.SettleS)
	}
	if r.Per == "leg" {
		text += ", separately for each custodian"
	}
	if r.Optional {
		text += ", if it is measured"
	}
	return text
}

func (r *Rule) asks() string {
	for _, k := range kindsOf(r) {
		return k.Asks()
	}
	if len(r.All) > 0 {
		return "At least one of these must hold at any time: " + texts(r.All)
	}
	return "Each of these must hold: " + texts(r.Any)
}

func texts(rules []Rule) string {
	var all []string
	for i := range rules {
		all = append(all, rules[i].text())
	}
	return strings.Join(all, "; ")
}
