package render

import (
	"strings"
	"testing"

	"github.com/trackseal/trackseal/network/internal/topology"
	"gopkg.in/yaml.v3"
)

func TestOverride(t *testing.T) {
	const rendered = "id: a\n# what may wait\njournal: {max_bytes: 1}\nGeneral:\n  Port: 7\n  Peers: [x, y]\n"
	for _, tt := range []struct{ name, override, want, wantErr string }{
		{"nothing", "", rendered, ""},
		{"comments", "# later\n", rendered, ""},
		{"deep", "journal: {min_free_bytes: 5}\n", "id: a\njournal: {max_bytes: 1, min_free_bytes: 5}\nGeneral: {Port: 7, Peers: [x, y]}", ""},
		{"a value", "General:\n  Port: 8\nid: b\n", "id: b\njournal: {max_bytes: 1}\nGeneral: {Port: 8, Peers: [x, y]}", ""},
		{"a list is replaced", "General: {Peers: [z]}", "id: a\njournal: {max_bytes: 1}\nGeneral: {Port: 7, Peers: [z]}", ""},
		{"a new key", "log: {level: debug}", "id: a\njournal: {max_bytes: 1}\nGeneral: {Port: 7, Peers: [x, y]}\nlog: {level: debug}", ""},
		{"a key away", "General: {Peers: null, Nothing: null}\njournal: ~", "id: a\nGeneral: {Port: 7}", ""},
		{"another case", "\nGeneral: {port: 8}", "", "line 2: General.port: it is written Port"},
		{"no mapping", "[1]", "", "must be keys and values"},
		{"no YAML", "a: [", "", "yaml: line 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Override([]byte(rendered), []byte(tt.override))
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Errorf("%v, want %s", err, tt.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var g, w any
			if err := yaml.Unmarshal(got, &g); err != nil {
				t.Fatal(err)
			}
			if err := yaml.Unmarshal([]byte(tt.want), &w); err != nil {
				t.Fatal(err)
			}
			a, _ := yaml.Marshal(g)
			b, _ := yaml.Marshal(w)
			if string(a) != string(b) {
				t.Errorf("got\n%s\nwant\n%s", a, b)
			}
		})
	}
}

// Every file that belongs to a process and is YAML can be overridden, and stays what it was but for the override.
func TestOverrideOfEveryFile(t *testing.T) {
	n := 0
	for _, f := range everything(t, stack(topology.BFT)) {
		if f.Process == "" {
			continue
		}
		n++
		got, err := Override(f.Data, []byte("zz: {top: 1}\n"))
		if err != nil {
			t.Errorf("%s: %v", f.Path, err)
			continue
		}
		var with, without map[string]any
		if err := yaml.Unmarshal(got, &with); err != nil || with["zz"] == nil {
			t.Errorf("%s: %v\n%s", f.Path, err, got)
		}
		if err := yaml.Unmarshal(f.Data, &without); err != nil {
			t.Fatal(err)
		}
		delete(with, "zz")
		a, _ := yaml.Marshal(with)
		b, _ := yaml.Marshal(without)
		if string(a) != string(b) {
			t.Errorf("%s became\n%s", f.Path, a)
		}
	}
	if want := 3*len(topology.Founding()) + 1; n != want {
		t.Errorf("%d files can be overridden, want %d", n, want)
	}
}
