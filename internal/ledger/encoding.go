package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"
)

// MaxArg is the largest argument of a transaction, in bytes.
const MaxArg = 256 << 10

// Encode is the one JSON form of a record: members in the order of the struct, map members sorted, no HTML escapes, no
// space. Equal values give equal bytes on every peer.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Decode reads one JSON object into the struct that v points to. It refuses what encoding/json lets through and what two
// readers could understand differently: unknown, repeated or differently-cased members, bytes after the object, text that
// is not UTF-8.
func Decode(data []byte, v any) error {
	if len(data) > MaxArg {
		return fmt.Errorf("larger than %d bytes", MaxArg)
	}
	if !utf8.Valid(data) {
		return errors.New("not UTF-8")
	}
	t := reflect.TypeOf(v).Elem()
	if !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		return errors.New("not a JSON object")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := checkMembers(dec, t); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	if err := json.Unmarshal(data, v); err != nil {
		return err
	}
	return nil
}

var rawMessage = reflect.TypeFor[json.RawMessage]()

// checkMembers walks one value; t is the Go type that it is for, nil where any JSON may stand.
func checkMembers(dec *json.Decoder, t reflect.Type) error {
	tok, err := dec.Token()
	if err != nil {
		return syntax(err)
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
	if delim == '[' {
		var elem reflect.Type
		if t != nil && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) {
			elem = t.Elem()
		}
		for dec.More() {
			if err := checkMembers(dec, elem); err != nil {
				return err
			}
		}
		_, err := dec.Token()
		return syntax(err)
	}
	seen := map[string]bool{}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return syntax(err)
		}
		name, _ := tok.(string)
		if seen[name] {
			return fmt.Errorf("member %q is repeated", name)
		}
		seen[name] = true
		member, known := memberType(t, name)
		if !known {
			return fmt.Errorf("unknown member %q", name)
		}
		if err := checkMembers(dec, member); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return syntax(err)
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

func syntax(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
