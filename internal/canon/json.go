// Package canon reads and writes what two readers must not understand differently: strict JSON, and CBOR in its one deterministic form
// (RFC 8949 section 4.2.1). Pure.
package canon

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth bounds how deep JSON may nest.
const MaxDepth = 64

// JSON walks one JSON value. It refuses what encoding/json lets through: repeated members, text that is not UTF-8, bytes after the
// value. The caller says which members there may be.
type JSON struct {
	dec   *json.Decoder
	depth int
	fold  bool
}

// ReadJSON begins at the first value.
func ReadJSON(data []byte) (*JSON, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("the text is not UTF-8")
	}
	if loneSurrogate(data) {
		return nil, errors.New("the text has half of a surrogate pair")
	}
	j := &JSON{dec: json.NewDecoder(bytes.NewReader(data))}
	j.dec.UseNumber()
	return j, nil
}

// Token takes a scalar, or the '{' or '[' after which Members or Elements must come.
func (j *JSON) Token() (json.Token, error) {
	t, err := j.dec.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return t, err
}

// Members takes the members after '{', and the '}'. read must take the value.
func (j *JSON) Members(read func(name string) error) error {
	seen := map[string]bool{}
	return j.Elements(func() error {
		t, err := j.Token()
		if err != nil {
			return err
		}
		name, _ := t.(string)
		key := name
		if j.fold {
			key = fold(name)
		}
		if seen[key] {
			return fmt.Errorf("member %q is repeated", name)
		}
		seen[key] = true
		return read(name)
	})
}

// fold gives two names the same text when encoding/json takes them for the same member.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		// The smallest of the runes that differ in case only: K, k and the Kelvin sign are one. encoding/json does the same.
		for {
			next := unicode.SimpleFold(r)
			if next <= r {
				return next
			}
			r = next
		}
	}, name)
}

// loneSurrogate finds an escape such as \ud800 that is no half of a pair. It stands for no character, so one reader refuses it and
// another puts U+FFFD in its place. Escapes occur within strings only; what is no JSON, the decoder refuses.
func loneSurrogate(data []byte) bool {
	unit := func(at int) rune {
		if at+6 > len(data) || data[at] != '\\' || data[at+1] != 'u' {
			return -1
		}
		n, err := strconv.ParseUint(string(data[at+2:at+6]), 16, 16)
		if err != nil {
			return -1
		}
		return rune(n)
	}
	for at := 0; ; {
		next := bytes.IndexByte(data[at:], '\\')
		if next < 0 {
			return false
		}
		at += next
		switch first := unit(at); {
		case !utf16.IsSurrogate(first):
			at = min(at+2, len(data)) // past what is escaped, which may be a backslash
		case utf16.DecodeRune(first, unit(at+6)) == unicode.ReplacementChar:
			return true
		default:
			at += 12
		}
	}
}

// Elements takes the values after '[', and the ']'. read must take one.
func (j *JSON) Elements(read func() error) error {
	if j.depth++; j.depth > MaxDepth {
		return fmt.Errorf("nested deeper than %d", MaxDepth)
	}
	for j.dec.More() {
		if err := read(); err != nil {
			return err
		}
	}
	j.depth--
	_, err := j.Token()
	return err
}

// Skip takes one value of any kind.
func (j *JSON) Skip() error { return j.value(nil) }

// End makes sure that nothing follows.
func (j *JSON) End() error {
	if _, err := j.dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}

// CheckJSON accepts one value in which no member is repeated.
func CheckJSON(data []byte) error { return check(data, false) }

// CheckJSONFolded finds members repeated in another case too, for a reader that does not tell them apart, such as encoding/json.
func CheckJSONFolded(data []byte) error { return check(data, true) }

func check(data []byte, fold bool) error {
	j, err := ReadJSON(data)
	if err != nil {
		return err
	}
	j.fold = fold
	if err := j.Skip(); err != nil {
		return err
	}
	return j.End()
}

// UnmarshalJSON reads one JSON value into what v points to, an object into a struct. It refuses members that the structs do not have, by
// their exact names.
func UnmarshalJSON(data []byte, v any) error {
	j, err := ReadJSON(data)
	if err != nil {
		return err
	}
	t := reflect.TypeOf(v).Elem()
	if t.Kind() == reflect.Struct && !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		return errors.New("not a JSON object")
	}
	if err := j.value(t); err != nil {
		return err
	}
	if err := j.End(); err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

var rawMessage = reflect.TypeFor[json.RawMessage]()

// value takes one value; t is the Go type that it is for, nil where any JSON may stand.
func (j *JSON) value(t reflect.Type) error {
	tok, err := j.Token()
	if err != nil {
		return err
	}
	delim, ok := tok.(json.Delim)
	if !ok {
		return nil // a scalar: Unmarshal checks its type
	}
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == rawMessage {
		t = nil
	}
	if delim == '{' {
		return j.Members(func(name string) error {
			member, known := memberType(t, name)
			if !known {
				return fmt.Errorf("unknown member %q", name)
			}
			return j.value(member)
		})
	}
	var elem reflect.Type
	if t != nil && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) {
		elem = t.Elem()
	}
	return j.Elements(func() error { return j.value(elem) })
}

// memberType is the type of an object's member, and whether the member may be there.
func memberType(t reflect.Type, name string) (reflect.Type, bool) {
	switch {
	case t == nil:
		return nil, true
	case t.Kind() == reflect.Map:
		return t.Elem(), true
	case t.Kind() != reflect.Struct:
		return nil, true // wrong kind of value: Unmarshal says so
	}
	for i := range t.NumField() {
		tag, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if tag == name {
			return t.Field(i).Type, true
		}
	}
	return nil, false
}
