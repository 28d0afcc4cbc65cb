package profile

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

const small = `{"id":"ours.probe","version":1,"title":"t","readings":[{"quantity":"temperature","from":"$.t"}]}`

func TestParseRefuses(t *testing.T) {
	with := func(member string) string { return strings.Replace(small, `"title"`, member+`,"title"`, 1) }
	reading := func(member string) string { return strings.Replace(small, `"from":"$.t"`, member, 1) }
	for in, want := range map[string]string{
		``: "profile:", `[]`: "not a JSON object", `{"id":"x"}`: "version must be", `{"ID":"x"}`: `unknown member "ID"`, with(`"id":"x"`): "repeated",
		with(`"topic":["a"]`):                                                               `unknown member "topic"`,
		reading(`"from":"$.t","scale":0.1`):                                                 "in quotes",
		reading(`"from":"$.t","scale":"0,1"`):                                               "readings[0].scale",
		reading(`"from":"t"`):                                                               "readings[0].from",
		reading(`"from":"$.t","unit":"furlong"`):                                            `readings[0].unit "furlong" is no unit of temperature; known are`,
		reading(`"from":"$.t","of":"codec"`):                                                "readings[0].of",
		reading(`"from":"$.t","values":{"open":"yes"}`):                                     "readings[0].values.open",
		reading(`"from":"$.t","field":1`):                                                   "readings[0].field",
		reading(`"from":"$.t","topic":"a/#/b"`):                                             "readings[0].topic",
		strings.Replace(small, "temperature", "warmth", 1):                                  `readings[0].quantity "warmth" is no quantity`,
		strings.Replace(small, "ours.probe", "Ours Probe", 1):                               "id ",
		with(`"each":"$["`):                                                                 "each ",
		with(`"when":[{"path":"$x"}]`):                                                      "when[0].path",
		with(`"skip":true`):                                                                 "skip needs when",
		with(`"topics":["a/b+"]`):                                                           "topics[0]",
		with(`"time":{"from":"$.t","as":"days"}`):                                           "time.as",
		with(`"time":{"from":"$.t","as":"layout:2006-01-02"}`):                              "time.as layout",
		with(`"time":{"from":"$.t","as":"layout:2006-01-02 15:04 MST"}`):                    "short name",
		with(`"time":{"from":"$.t","as":"ms","zone":"+01:00"}`):                             "time.zone is only for a layout",
		with(`"time":{"from":"$.t","as":"layout:2006-01-02 15:04","zone":"Europe/Berlin"}`): "needs its offsets",
		with(`"step":{}`):                                                                   "step.seconds",
		with(`"sequence":{"from":"$.n","bits":64}`):                                         "sequence.bits",
		with(`"devices":{"id":"name"}`):                                                     "devices.id name needs split",
		with(`"devices":{"id":"serial"}`):                                                   "devices.id",
		with(`"devices":{"id":"topic:x"}`):                                                  "devices.id",
		with(`"format":"xml"`):                                                              "format ",
		with(`"codec":{"script":""}`):                                                       "codec.script",
		with(`"codec":{"script":"x","bytes":"$.b"}`):                                        "codec.encoding",
		with(`"codec":{"script":"x","kind":"lua"}`):                                         "codec.kind",
		with(`"sensors":[{"quantity":"x"}]`):                                                "sensors",
		with(`"about":"` + strings.Repeat("x", MaxBytes) + `"`):                             "larger than",
	} {
		if _, err := Parse([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.120s: %v, want %q", in, err, want)
		}
	}
	_, err := Parse([]byte(`{"id":"x","version":0,"title":"t","each":"$[","readings":[]}`))
	for _, want := range []string{"version", "each", "readings"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v names not all that is wrong, such as %s", err, want)
		}
	}
}

func TestReady(t *testing.T) {
	for _, p := range Ready() {
		if byRef, ok := Find(p.Ref()); !ok || byRef != p {
			t.Errorf("%s is not found by its ref", p.Ref())
		}
		if byHash, ok := ByHash(p.Hash()); !ok || byHash != p {
			t.Errorf("%s is not found by its hash", p.Ref())
		}
		checkFixedPoint(t, p)
		if d := p.Document(); strings.Contains(d.ID, ".") || d.Version != 1 || d.Title == "" || d.About == "" || d.Licence == "" || d.Source == "" && d.ID != "plain-json" {
			t.Errorf("%s lacks a text", p.Ref())
		}
	}
	files, err := readyFiles.ReadDir("ready")
	if err != nil || len(files) != len(Ready()) {
		t.Errorf("%d files, %d in the listing, %v", len(files), len(Ready()), err)
	}
	if _, ok := Find("nobody@1"); ok {
		t.Error("found a profile that is not there")
	}
}

func checkFixedPoint(t testing.TB, p *Profile) {
	t.Helper()
	again, err := Parse(p.Canonical())
	if err != nil || !bytes.Equal(again.Canonical(), p.Canonical()) || again.Hash() != p.Hash() {
		t.Errorf("%s: the canonical form is no fixed point: %v", p.Ref(), err)
	}
}

func TestBits(t *testing.T) {
	for doc, want := range map[string]int{small: 0, strings.Replace(small, `"title"`, `"sequence":{"from":"$.n"},"title"`, 1): 63, strings.Replace(small, `"title"`, `"sequence":{"from":"$.n","bits":16},"title"`, 1): 16} {
		p, err := Parse([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		if p.Bits() != want {
			t.Errorf("%d bits, want %d: %s", p.Bits(), want, doc)
		}
	}
}

func TestComplete(t *testing.T) {
	table := func(zone string) ([]Offset, error) {
		if zone != "Europe/Berlin" {
			return nil, errors.New("is not in the table")
		}
		return []Offset{{"2026-10-25T01:00:00Z", "+01:00"}}, nil
	}
	raw, err := Complete([]byte(strings.Replace(small, `"title"`, `"time":{"from":"$.a","as":"layout:2006-01-02 15:04","zone":"Europe/Berlin"},"title"`, 1)), table)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse(raw)
	if err != nil || len(p.Document().Time.Offsets) != 1 {
		t.Errorf("%s: %v", raw, err)
	}
	if same, err := Complete([]byte(small), table); err != nil || string(same) != small {
		t.Errorf("a profile without a zone became %s, %v", same, err)
	}
	if _, err := Complete([]byte(strings.Replace(small, `"title"`, `"time":{"from":"$.a","zone":"Mars"},"title"`, 1)), table); err == nil || !strings.Contains(err.Error(), "time.zone") {
		t.Errorf("Mars: %v", err)
	}
}

func TestTopicFilters(t *testing.T) {
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		{"a/b", "a/b", true}, {"a/b", "a/c", false}, {"a/+", "a/b", true}, {"a/+", "a", false}, {"a/+", "a/b/c", false}, {"a/#", "a", true}, {"a/#", "a/b/c", true}, {"#", "x/y", true},
		{"+/b", "/b", true}, {"/+/b", "/a/b", true}, {"a/+/c", "a//c", true}, {"a", "a/", false}, {"a/+", "a/", true},
	} {
		if got := matches(c.filter, c.topic); got != c.want {
			t.Errorf("%s takes %s: %v, want %v", c.filter, c.topic, got, c.want)
		}
	}
}
