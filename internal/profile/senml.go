package profile

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// resolve makes records that paths can look into of a SenML pack (RFC 8428, section 4.6): {"time":…,"values":{name:…},"units":{name:…}},
// the time in seconds since 1970. A name is what follows the last / : or ; of the whole name, since what is before it is the device. Times
// below 2^28 are relative to the receipt, as the RFC says.
func resolve(t *tree, receivedMS int64) ([]byte, error) {
	if t.nodes[0].kind != list || t.nodes[0].children == 0 {
		return nil, errors.New("it is no list of records")
	}
	var base struct {
		name, unit        string
		time, value, sums *big.Rat
	}
	base.time = new(big.Rat)
	out := []byte{'['}
	var now *big.Rat
	var names []string
	var values, units []byte
	flush := func() {
		if len(names) == 0 {
			return
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(append(append(append(out, `{"time":`...), seconds(now)...), `,"values":{`...), values...), `},"units":{`...), units...)
		out = append(out, `}}`...)
		names, values, units = names[:0], values[:0], units[:0]
	}
	var fault error
	t.each(0, func(i int, c int32) {
		if fault != nil {
			return
		}
		fault = func() error {
			if t.nodes[c].kind != object {
				return errors.New("it is no object")
			}
			word := func(name, before string) (string, error) {
				at, ok := t.member(c, name)
				if !ok {
					return before, nil
				}
				if t.nodes[at].kind != text {
					return "", fmt.Errorf("%s must be a text", name)
				}
				return t.nodes[at].text, nil
			}
			num := func(name string, before *big.Rat) (*big.Rat, error) {
				at, ok := t.member(c, name)
				if !ok {
					return before, nil
				}
				r, ok := rational(t.nodes[at].text)
				if t.nodes[at].kind != number || !ok {
					return nil, fmt.Errorf("%s must be a number", name)
				}
				return r, nil
			}
			var err error
			get := func(name string, to **big.Rat, before *big.Rat) {
				if v, e := num(name, before); e != nil && err == nil {
					err = e
				} else {
					*to = v
				}
			}
			say := func(name string, to *string, before string) {
				if v, e := word(name, before); e != nil && err == nil {
					err = e
				} else {
					*to = v
				}
			}
			var own struct {
				name, unit  string
				time, value *big.Rat
			}
			say("bn", &base.name, base.name)
			say("bu", &base.unit, base.unit)
			get("bt", &base.time, base.time)
			get("bv", &base.value, base.value)
			say("n", &own.name, "")
			say("u", &own.unit, base.unit)
			get("t", &own.time, new(big.Rat))
			get("v", &own.value, nil)
			if err != nil {
				return err
			}
			if at, ok := t.member(c, "bver"); ok && t.nodes[at].text != "10" {
				return fmt.Errorf("version %s is not known", cut(t.raw(at)))
			}
			value := ""
			switch {
			case own.value != nil:
				if base.value != nil {
					own.value = new(big.Rat).Add(own.value, base.value)
				}
				value = exact(own.value)
			case base.value != nil && !t.has(c, "vs", "vb", "vd", "s"):
				if !t.has(c, "n") {
					return nil // base values only
				}
				value = exact(base.value)
			default:
				for _, name := range []string{"vb", "vs"} {
					if at, ok := t.member(c, name); ok && value == "" {
						value = t.raw(at)
					}
				}
			}
			name := base.name + own.name
			name = name[strings.LastIndexAny(name, "/:;")+1:]
			if value == "" || name == "" {
				return nil
			}
			at := new(big.Rat).Add(base.time, own.time)
			if at.Cmp(big.NewRat(1<<28, 1)) < 0 {
				at.Add(at, big.NewRat(receivedMS, 1000))
			}
			again := false
			for _, n := range names {
				again = again || n == name
			}
			if now == nil || again || now.Cmp(at) != 0 {
				flush()
				now = at
			}
			if len(names) > 0 {
				values, units = append(values, ','), append(units, ',')
			}
			names = append(names, name)
			values = append(append(appendText(values, name), ':'), value...)
			units = append(append(appendText(units, name), ':'), appendText(nil, own.unit)...)
			return nil
		}()
		if fault != nil {
			fault = fmt.Errorf("record %d: %w", i, fault)
		}
	})
	flush()
	return append(out, ']'), fault
}

func (t *tree) has(at int32, names ...string) bool {
	for _, n := range names {
		if _, ok := t.member(at, n); ok {
			return true
		}
	}
	return false
}

// exact writes a number that has finitely many decimals, as sums of decimals have.
func exact(r *big.Rat) string {
	digits, _ := r.FloatPrec()
	return r.FloatString(digits)
}

// seconds writes a time to the microsecond.
func seconds(r *big.Rat) string { return strconv.Quote(r.FloatString(6)) }
