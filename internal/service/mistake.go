package service

import (
	"errors"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

var (
	unknownKey = regexp.MustCompile(`^(line \d+: )field (\S+) not found in type .+$`)
	wrongKind  = regexp.MustCompile("^(line \\d+: )cannot unmarshal !!\\w+(?: `(.*)`)? into (.+)$")
)

// mistake is what is wrong with a configuration, in its writer's words instead of our types'.
func mistake(err error) string {
	typed, is := errors.AsType[*yaml.TypeError](err)
	if !is {
		return oneLine(err)
	}
	all := make([]string, len(typed.Errors))
	for i, e := range typed.Errors {
		if m := unknownKey.FindStringSubmatch(e); m != nil {
			e = m[1] + "there is no key " + m[2]
		} else if m := wrongKind.FindStringSubmatch(e); m != nil {
			if m[2] != "" {
				m[2] += ": "
			}
			e = m[1] + m[2] + "must be " + kind(m[3])
		}
		all[i] = e
	}
	return strings.Join(all, "; ")
}

// kind of a Go type, as YAML has it.
func kind(goType string) string {
	switch {
	case goType == "bool":
		return "true or false"
	case goType == "string":
		return "text"
	case goType == "time.Duration":
		return "a time such as 10s"
	case strings.HasPrefix(goType, "float"):
		return "a number"
	case strings.HasPrefix(goType, "int"), strings.HasPrefix(goType, "uint"):
		return "a whole number"
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	}
	return "keys and values"
}
