package launcher

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// installedServers makes a folder of programs that tell their versions as Fabric's and InfluxDB's releases do.
func installedServers(t *testing.T, versions map[string]string) string {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no sh on this machine")
	}
	dir := t.TempDir()
	for name, version := range versions {
		says := name + ":\n Version: " + version + "\n Go version: go1.24.2\n"
		switch name {
		case "influxd":
			says = "InfluxDB " + version + " (git: 1.8 688e697c51)\n"
		case "osnadmin":
			says = "osnadmin: error: parsing arguments\n"
		}
		script := "#!/bin/sh\nprintf '%s' '" + says + "'\n[ " + name + " != osnadmin ]\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func fabricOf(version string, and ...string) map[string]string {
	all := map[string]string{}
	for _, p := range fabricModule.programs {
		all[p] = version
	}
	for i := 0; i < len(and); i += 2 {
		if all[and[i]] = and[i+1]; and[i+1] == "" {
			delete(all, and[i])
		}
	}
	return all
}

// Installed servers are used when all are there and of the release that we build; what is wrong is named with the way out.
func TestInstalledServers(t *testing.T) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name           string
		programs       map[string]string
		fabric, influx bool
		want           string // what is said
		wantErr        string
	}{
		{"both", fabricOf("v3.1.1", "influxd", "v1.8.10"), true, true, "fabric v3.1.1 of DIR, influxdb v1.8.10 of DIR", ""},
		{"a later patch", fabricOf("3.1.4"), true, false, "fabric v3.1.4 of DIR", ""},
		{"only what is wanted counts", fabricOf("v2.5.4", "influxd", "v1.8.10"), false, true, "influxdb v1.8.10 of DIR", ""},
		{"an old Fabric", fabricOf("v2.5.4"), true, false, "", "peer is v2.5.4: it must be v3.1, which we build; `up --servers build` compiles it"},
		{"one of another version", fabricOf("v3.1.1", "orderer", "v3.0.0"), true, false, "", "orderer is v3.0.0: it must be v3.1"},
		{"one is missing", fabricOf("v3.1.1", "osnadmin", ""), true, false, "", "osnadmin is not there; `up --servers build` compiles all of fabric"},
		{"InfluxDB 2", map[string]string{"influxd": "v2.7.1"}, false, true, "", "influxd is v2.7.1: it must be v1.8"},
		{"no version", map[string]string{"influxd": "unknown"}, false, true, "", "influxd: it tells no version"},
		{"none", nil, true, true, "", "none of the servers is there"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := held(t, filepath.Join(t.TempDir(), "stack"))
			l.Stack.Root = root
			dir := installedServers(t, tt.programs)
			l.places.Servers = dir
			said, err := l.findServers(tt.fabric, tt.influx)(t.Context(), func(string) {})
			if tt.wantErr != "" {
				if _, misused := errors.AsType[Misuse](err); !misused || !strings.Contains(err.Error(), tt.wantErr) {
					t.Errorf("%q %v, want %s", said, err, tt.wantErr)
				}
				return
			}
			if said = strings.ReplaceAll(said, dir, "DIR"); err != nil || said != tt.want {
				t.Errorf("%q %v, want %q", said, err, tt.want)
			}
			if tt.fabric && l.servers.fabric != dir || tt.influx && l.servers.influx != dir {
				t.Errorf("taken from %+v", l.servers)
			}
		})
	}
}

// A replaced program restarts its process only where it is not named by its version.
func TestInstalledProgramsMayChange(t *testing.T) {
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	l.places.Servers, l.servers.fabric = "/usr/local/bin", "/usr/local/bin"
	if got := l.mayChange("/usr/local/bin/peer"); len(got) != 1 {
		t.Errorf("%v", got)
	}
	if got := l.mayChange("/cache/fabric-1/peer"); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// Where the servers come from is remembered: a start that does not say it again takes the same ones.
func TestPlacesAreRemembered(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "stack")
	cache, bin := t.TempDir(), t.TempDir()
	for _, tt := range []struct {
		name    string
		cache   string // the variable
		servers string // the flag
		want    places
		wantErr string
	}{
		{"nothing", "", "", places{}, ""},
		{"a cache", cache, "", places{ServerCache: cache}, ""},
		{"remembered", "", "", places{ServerCache: cache}, ""},
		{"installed", "", bin, places{cache, bin}, ""},
		{"both remembered", "", "", places{cache, bin}, ""},
		{"no such folder", "", bin + "/nowhere", places{}, "--servers " + bin + "/nowhere: there is no such folder"},
		{"another cache", bin, "", places{bin, bin}, ""},
		{"compiled again", "", compile, places{bin, ""}, ""},
		{"remembered again", "", "", places{bin, ""}, ""},
	} {
		t.Setenv(cacheVariable, tt.cache)
		l, _ := open(t, dir)
		release, err := l.hold()
		if err != nil {
			t.Fatal(err)
		}
		err = l.settle(UpOptions{Ports: "auto", Servers: tt.servers})
		release()
		if tt.wantErr != "" {
			if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("%s: %v, want %s", tt.name, err, tt.wantErr)
			}
			continue
		}
		if err != nil || l.places != tt.want {
			t.Errorf("%s: %+v %v, want %+v", tt.name, l.places, err, tt.want)
		}
		if s, err := loadSettings(l.Stack.Settings()); err != nil || s.places != tt.want || s.Orderers == "" {
			t.Errorf("%s: written %+v %v", tt.name, s, err)
		}
	}
}
