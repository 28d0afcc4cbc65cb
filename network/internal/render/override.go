package render

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// Override merges wishes over a rendered YAML file as a JSON merge patch does (RFC 7396): mappings are merged key by key, anything else
// takes the place of what was there, and null takes a key away. Whether a key means anything is for the program that reads it; one
// that differs from a rendered key in its case only is refused, since some programs take both for the same.
func Override(rendered, override []byte) ([]byte, error) {
	var wish, file yaml.Node
	if err := yaml.Unmarshal(override, &wish); err != nil {
		return nil, err
	}
	if wish.Kind == 0 {
		return rendered, nil // empty, or comments only
	}
	if err := yaml.Unmarshal(rendered, &file); err != nil {
		return nil, err
	}
	if wish.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("must be keys and values, such as log: {level: debug}")
	}
	if err := merge(file.Content[0], wish.Content[0], ""); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(&file), e.Close()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func merge(into, wish *yaml.Node, path string) error {
	for i := 0; i < len(wish.Content); i += 2 {
		key, value := wish.Content[i], wish.Content[i+1]
		at, err := find(into, key.Value)
		if err != nil {
			return fmt.Errorf("line %d: %s%w", key.Line, path, err)
		}
		switch {
		case value.Tag == "!!null":
			if at >= 0 {
				into.Content = append(into.Content[:at], into.Content[at+2:]...)
			}
		case at < 0:
			into.Content = append(into.Content, key, value)
		case value.Kind == yaml.MappingNode && into.Content[at+1].Kind == yaml.MappingNode:
			if err := merge(into.Content[at+1], value, path+key.Value+"."); err != nil {
				return err
			}
		default:
			into.Content[at+1] = value
		}
	}
	return nil
}

// find a key of a mapping; -1 when it is not there.
func find(mapping *yaml.Node, key string) (at int, err error) {
	for i := 0; i < len(mapping.Content); i += 2 {
		switch have := mapping.Content[i].Value; {
		case have == key:
			return i, nil
		case strings.EqualFold(have, key):
			return -1, fmt.Errorf("%s: it is written %s", key, have)
		}
	}
	return -1, nil
}
