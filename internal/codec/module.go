package codec

import "regexp"

// Some codecs are written as modules. The engine knows scripts only, and of the words of a module few occur in codecs.
var moduleWords = []struct {
	is, becomes string
	pattern     *regexp.Regexp
}{
	{is: `(?m)^[ \t]*import\s+(?:[\w*{}\s,$]+\s+from\s+)?["'](?:node:)?buffer["'];?`, becomes: ""},
	{is: `(?m)^([ \t]*)export\s+default\s+(async\s+function|function|class)\s+([\w$]+)`, becomes: "$1$2 $3"},
	{is: `(?m)^([ \t]*)export\s+default\s+`, becomes: "${1}module.exports.default = "},
	{is: `(?m)^([ \t]*)export\s+(async\s+function|function|class|const|let|var)\b`, becomes: "$1$2"},
	{is: `(?m)^[ \t]*export\s*\{[^}]*\}\s*;?`, becomes: ""},
}

func init() {
	for i := range moduleWords {
		moduleWords[i].pattern = regexp.MustCompile(moduleWords[i].is)
	}
}

// asScript takes the words of a module out.
func asScript(source string) string {
	for _, w := range moduleWords {
		source = w.pattern.ReplaceAllString(source, w.becomes)
	}
	return source
}
