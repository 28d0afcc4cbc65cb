package version

import (
	"runtime/debug"
	"testing"
)

func TestOf(t *testing.T) {
	vcs := func(revision, modified string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "vcs.revision", Value: revision}, {Key: "vcs.modified", Value: modified}}
	}
	for name, c := range map[string]struct {
		info debug.BuildInfo
		want Build
	}{
		"released":           {debug.BuildInfo{GoVersion: "go1.26", Main: debug.Module{Version: "v1.2.3"}, Settings: vcs("abc", "false")}, Build{"v1.2.3", "abc", "go1.26"}},
		"changed":            {debug.BuildInfo{GoVersion: "go1.26", Main: debug.Module{Version: "(devel)"}, Settings: vcs("abc", "true")}, Build{Unknown, "abc-dirty", "go1.26"}},
		"told nothing":       {debug.BuildInfo{}, Build{Unknown, Unknown, Unknown}},
		"without a revision": {debug.BuildInfo{GoVersion: "go1.26", Main: debug.Module{Version: "(devel)"}}, Build{Unknown, Unknown, "go1.26"}},
	} {
		if got := of(&c.info); got != c.want {
			t.Errorf("%s: came %+v, expected %+v", name, got, c.want)
		}
	}
}
