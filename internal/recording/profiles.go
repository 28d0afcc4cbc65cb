package recording

import (
	"fmt"
	"slices"
	"strings"
)

// profile is what is known of the files of one logger or app: which columns are computed of others or tell of the device itself, and what its
// files do not say. Adding one is adding a row here, a file to the test, and a line to docs/files.md.
type profile struct {
	name string
	Options
}

var profiles = []profile{
	{"easylog", Options{Dates: "dmy", Ignore: []string{"Dew Point*", "High Alarm*", "Low Alarm*"}}},
	{"govee", Options{Ignore: []string{"Dew*", "VPD*"}}},
	{"hobo", Options{Ignore: []string{"DewPt*", "Dew Point*", "Ch:3 - Dew Point*"}}},
	{"ibutton", Options{Map: []string{"temperature=Value"}}},
	{"ruuvi", Options{Ignore: []string{"Pressure*", "Air pressure*", "RSSI*", "TX Power*", "Voltage*", "Movement counter*", "Measurement sequence number*", "Dew point*", "Absolute humidity*", "Equilibrium vapor pressure*", "Air density*"}}},
	{"sensorpush", Options{Ignore: []string{"Dew Point*", "VPD*", "Heat Index*"}}},
}

func profileNames() string {
	var all []string
	for _, p := range profiles {
		all = append(all, p.name)
	}
	return strings.Join(all, ", ")
}

// withProfile adds what a profile knows to what is said; what is said counts.
func (o Options) withProfile() (options, error) {
	if o.Profile == "" {
		return options{Options: o}, nil
	}
	i := slices.IndexFunc(profiles, func(p profile) bool { return p.name == o.Profile })
	if i < 0 {
		return options{}, &Fault{Reason: fmt.Sprintf("option profile: %.40q is not one of %s", o.Profile, profileNames())}
	}
	p := profiles[i]
	if o.Dates == "" {
		o.Dates = p.Dates
	}
	return options{Options: o, known: p}, nil
}

// options are those of the user, and beside them the columns of a profile, which need not be there.
type options struct {
	Options
	known profile
}

// knowing names the profiles that would read a file with such a column.
func knowing(header string) string {
	var all []string
	for _, p := range profiles {
		if slices.ContainsFunc(p.Ignore, func(ref string) bool { return refers(ref, header) }) || slices.ContainsFunc(p.Map, func(m string) bool { return strings.HasSuffix(m, "="+header) }) {
			all = append(all, p.name)
		}
	}
	return strings.Join(all, ", ")
}
