package tripfile

import (
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	in := "\ufefftime,Tracker,temperature, humidity\r\n2026-01-31T08:00:00Z,T1,4.5,40\r\n1769846460000,,-0.5,\r\n\"2026-01-31T09:00:00+01:00\",T2,,41\r\n"
	got, err := Read(strings.NewReader(in))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[0].Tracker != "T1" || got[0].Values["temperature"] != 4.5 || got[1].Tracker != "csv" || got[1].TimeMS != 1769846460000 ||
		len(got[1].Values) != 1 || got[2].TimeMS != got[0].TimeMS || got[2].Values["humidity"] != 41 {
		t.Errorf("got %+v, want T1 with 4.5 °C, one value of csv at 1769846460000, and humidity 41 at the time of the first", got)
	}
}

func TestFaultsSayWhere(t *testing.T) {
	for in, want := range map[string]string{
		"":                                 "line 1: the file is empty",
		"temperature\n4\n":                 `line 1: needs a column "time"`,
		"time,tracker\n":                   "line 1: needs a column with a metric",
		"time,temp\n":                      "line 1, column temp: is not a column",
		"time,acceleration\n":              "line 1, column acceleration: is not a column",
		"time,temperature,temperature":     "line 1, column temperature: is there twice",
		"time,temperature\n":               "line 2: no readings",
		"time,temperature\n2026-01-31,4\n": "line 2, column time: must be RFC 3339",
		"time,temperature\n1769846460,4\n": "line 2, column time: must be RFC 3339",
		"time,temperature\n2026-01-31T08:00:00Z,\"4,5\"\n":             `line 2, column temperature: "4,5" is not a number; decimals have a point`,
		"time,temperature\n2026-01-31T08:00:00Z,NaN\n":                 "line 2, column temperature: \"NaN\" is out of all bounds",
		"time,temperature\n2026-01-31T08:00:00Z,4,5\n":                 "line 2: wrong number of fields",
		"time,temperature\n\n2026-01-31T08:00:00Z,x\n":                 "line 3, column temperature",
		"time,temperature\nx,1\n" + strings.Repeat("y,1\n", 30):        "and 21 more lines",
		"time," + strings.Repeat("temperature,", 70) + "humidity\n1,1": "line 1: 72 columns",
	} {
		if got, err := Read(strings.NewReader(in)); err == nil || !strings.Contains(err.Error(), want) || got != nil {
			t.Errorf("%.60q: %v, want %q", in, err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("time,tracker,temperature\n2026-01-31T08:00:00Z,T1,4.5\n")
	f.Add("time,lat,lon\n1769846460000,52.5,13.4\n")
	f.Add("time,\"temp")
	f.Fuzz(func(t *testing.T, in string) {
		got, err := Read(strings.NewReader(in))
		if (err == nil) == (len(got) == 0) {
			t.Fatalf("%d readings, %v", len(got), err)
		}
	})
}
