package compliance

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

var (
	ruleID  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)
	setID   = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9_-]*\.)?[a-z0-9][a-z0-9-]*$`)
	country = regexp.MustCompile(`^[A-Z]{2}$`)
	stages  = []string{string(detect.AtOrigin), string(detect.InTransit), string(detect.AtDestination)}
)

// maxTitle is in bytes.
const maxTitle = 256

// problems gathers what is wrong, each with its place.
type problems struct {
	detect.Problems
	seen map[string]bool // rule ids
	n    int
}

func (p *problems) bad(place, format string, args ...any) {
	p.Bad(place+" "+format, args...)
}

// Validate names everything that is wrong with a rule set, each with its place, such as rules[2].limit.value.
func (r RuleSet) Validate() error {
	p := &problems{seen: map[string]bool{}}
	if r.Schema != Schema {
		p.bad("schema", "must be %s", Schema)
	}
	if !setID.MatchString(r.ID) || len(r.ID) > 64 {
		p.bad("id", "%.80q: lower-case letters, digits and dashes, at most 64; before them the publisher's name and a dot", r.ID)
	}
	if r.Version < 1 || r.Version > 1_000_000 {
		p.bad("version", "must be 1 to 1000000")
	}
	p.title("title", r.Title)
	if r.Jurisdiction != "" && !country.MatchString(r.Jurisdiction) {
		p.bad("jurisdiction", "must be a country code such as US, or absent")
	}
	if r.MaxGapS < 1 || r.MaxGapS > maxTime {
		p.bad("max_gap_s", "must be 1 to %d", maxTime)
	}
	if r.Zone != nil {
		p.zone(r.Zone)
	}
	if len(r.Rules) == 0 {
		p.bad("rules", "must have at least one rule")
	}
	for i := range r.Rules {
		place := fmt.Sprintf("rules[%d]", i)
		p.rule(place, &r.Rules[i], 0)
		if r.Rules[i].Hours != nil && r.Zone == nil {
			p.bad(place+".hours", "the rule set must have a zone")
		}
	}
	if p.n > MaxRules {
		p.bad("rules", "has %d rules with the nested ones, at most %d are accepted", p.n, MaxRules)
	}
	return p.Err()
}

func (p *problems) id(place, id string) {
	if !ruleID.MatchString(id) {
		p.bad(place, "%.80q: lower-case letters, digits and dashes, at most 64", id)
	}
}

func (p *problems) title(place, title string) {
	if !utf8.ValidString(title) || len(title) > maxTitle || strings.ContainsFunc(title, unicode.IsControl) {
		p.bad(place, "must be at most %d bytes of text without control characters", maxTitle)
	}
}

// maxZone is the longest name of a zone.
const maxZone = 64

func (p *problems) zone(z *Zone) {
	if z.Name == "" || len(z.Name) > maxZone {
		p.bad("zone.name", "must be a name such as Europe/Berlin")
	}
	_, err := z.compile()
	var of detect.Problems
	of.Add(err)
	for _, err := range of {
		p.Bad("zone.%w", err)
	}
}

func (p *problems) hours(place string, h *Hours) {
	for member, text := range map[string]string{"from": h.From, "to": h.To} {
		if _, err := timeOfDay(text); err != nil {
			p.Bad("%s.%s %w", place, member, err)
		}
	}
	if h.From == h.To {
		p.bad(place+".to", "must be another time than from")
	}
}

func (p *problems) severity(place, s string) {
	if !slices.Contains(severities, s) {
		p.bad(place, "%.80q: must be info, minor, major or critical", s)
	}
}

func (p *problems) seconds(place string, s, least int) {
	if s < least || s > maxTime {
		p.bad(place, "must be %d to %d", least, maxTime)
	}
}

func (p *problems) rule(place string, r *Rule, depth int) {
	p.n++
	p.id(place+".id", r.ID)
	if p.seen[r.ID] {
		p.bad(place+".id", "%.80q is there twice", r.ID)
	}
	p.seen[r.ID] = true
	p.title(place+".title", r.Title)
	if depth == 0 {
		p.top(place, r)
	} else if r.Severity != "" || r.Optional || len(r.Stages) > 0 || r.SettleS != 0 || r.Hours != nil || r.Per != "" || len(r.Escalation) > 0 {
		p.bad(place, "a nested rule has only id, title and its kind")
	}
	if depth > 0 && r.Limit != nil && r.Limit.Mode == AtLeast {
		p.bad(place+".limit.mode", "at_least stands alone: it is broken only when the goods are delivered")
	}
	if r.Deadline != nil && (depth > 0 || r.Optional || len(r.Stages) > 0 || r.SettleS != 0 || r.Hours != nil || r.Per != "" || len(r.Escalation) > 0) {
		p.bad(place+".deadline", "stands alone, and has only id, title and severity beside it: it is about the whole shipment")
	}
	p.kind(place, r, depth)
}

func (p *problems) top(place string, r *Rule) {
	p.severity(place+".severity", r.Severity)
	for i, s := range r.Stages {
		if !slices.Contains(stages, s) || slices.Contains(r.Stages[:i], s) {
			p.bad(fmt.Sprintf("%s.stages[%d]", place, i), "%.80q: must be at_origin, in_transit or at_destination, each once", s)
		}
	}
	p.seconds(place+".settle_s", r.SettleS, 0)
	if r.Hours != nil {
		p.hours(place+".hours", r.Hours)
	}
	if r.Per != "" && r.Per != "shipment" && r.Per != "leg" {
		p.bad(place+".per", "%.80q: must be shipment or leg", r.Per)
	}
	if len(r.Escalation) > len(severities) {
		p.bad(place+".escalation", "has more than %d steps", len(severities))
		return
	}
	after, rank := 0, slices.Index(severities, r.Severity)
	for i, e := range r.Escalation {
		at := fmt.Sprintf("%s.escalation[%d]", place, i)
		p.seconds(at+".after_s", e.AfterS, 1)
		p.severity(at+".severity", e.Severity)
		if n := slices.Index(severities, e.Severity); e.AfterS <= after || n <= rank {
			p.bad(at, "must come later and be more severe than what is before it")
		} else {
			after, rank = e.AfterS, n
		}
	}
}

// kind checks the rule's one kind.
func (p *problems) kind(place string, r *Rule, depth int) {
	n := 0
	for _, k := range kindsOf(r) {
		n++
		p.numbers(place+"."+k.name, reflect.ValueOf(k.Kind))
		var of detect.Problems
		of.Add(detect.Validate(k))
		for _, err := range of {
			p.Bad("%s.%s.%w", place, k.name, err)
		}
	}
	for _, nested := range []struct {
		name  string
		rules []Rule
	}{{"all", r.All}, {"any", r.Any}} {
		if nested.rules == nil {
			continue
		}
		n++
		if len(nested.rules) < 2 {
			p.bad(place+"."+nested.name, "must have at least two rules")
		}
		if depth == MaxDepth {
			p.bad(place+"."+nested.name, "is nested deeper than %d", MaxDepth)
			continue
		}
		for i := range nested.rules {
			p.rule(fmt.Sprintf("%s.%s[%d]", place, nested.name, i), &nested.rules[i], depth+1)
		}
	}
	if n != 1 {
		p.bad(place, "must have exactly one of %s", strings.Join(kindNames, ", "))
	}
}

// numbers finds the integers of a configuration that no kind has use for: times in milliseconds would overflow.
func (p *problems) numbers(place string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		p.numbers(place, v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			p.numbers(place+"."+memberName(v.Type().Field(i)), v.Field(i))
		}
	case reflect.Int, reflect.Int64:
		if n := v.Int(); n > maxTime || n < -maxTime {
			p.bad(place, "must be at most %d", maxTime)
		}
	}
}
