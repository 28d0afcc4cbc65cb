package recording

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// lines reads a file and gives a line for each reading: its time, and its values in the order of the table of quantities.
func lines(in string, o Options) (string, Report, error) {
	var b strings.Builder
	rep, err := Read(strings.NewReader(in), o, func(tracker string, r telemetry.Reading) error {
		if tracker != "" {
			b.WriteString(tracker + " ")
		}
		b.WriteString(time.UnixMilli(r.TimeMS).UTC().Format("2006-01-02T15:04:05.999Z"))
		for _, q := range telemetry.Quantities {
			if v, ok := r.Values[q.Name]; ok {
				fmt.Fprintf(&b, " %s=%v", q.Name, v)
			}
		}
		b.WriteString("\n")
		return nil
	})
	return b.String(), rep, err
}

func utf16Text(order binary.AppendByteOrder, mark bool, s string) string {
	var b []byte
	if mark {
		b = order.AppendUint16(b, 0xfeff)
	}
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

// What loggers, apps and spreadsheets write. The values are what the file says, in the product's units.
func TestFilesAsExported(t *testing.T) {
	const plain = "time,temperature,humidity\n2026-03-03T10:00:00Z,4.1,51\n2026-03-03T10:05:00Z,4.4,52\n"
	const read = "2026-03-03T10:00:00Z temperature=4.1 humidity=51\n2026-03-03T10:05:00Z temperature=4.4 humidity=52\n"
	tabs := strings.ReplaceAll(strings.ReplaceAll(plain, ",", "\t"), "\n", "\r\n")
	for name, c := range map[string]struct {
		in   string
		o    Options
		want string
	}{
		"plain":                    {plain, Options{}, read},
		"byte order mark":          {"\ufeff" + plain, Options{}, read},
		"mark and quoted header":   {"\ufeff\"time\",\"temperature\",\"humidity\"\n\"2026-03-03T10:00:00Z\",\"4.1\",\"51\"\n\"2026-03-03T10:05:00Z\",\"4.4\",\"52\"\n", Options{}, read},
		"UTF-16 LE":                {utf16Text(binary.LittleEndian, true, plain), Options{}, read},
		"UTF-16 BE with tabs":      {utf16Text(binary.BigEndian, true, tabs), Options{}, read},
		"UTF-16 LE without a mark": {utf16Text(binary.LittleEndian, false, plain), Options{}, read},
		"Windows-1252":             {"time,Temp1(\xb0C),humidity\n2026-03-03T10:00:00Z,4.1,51\n2026-03-03T10:05:00Z,4.4,52\n", Options{}, read},
		"bars":                     {strings.ReplaceAll(plain, ",", "|"), Options{}, read},
		"no line end":              {strings.TrimSuffix(plain, "\n"), Options{}, read},
		"empty columns behind":     {"time,temperature,humidity,\n2026-03-03T10:00:00Z,4.1,51,,\n2026-03-03T10:05:00Z,4.4,52,,\n", Options{}, read},
		"semicolons and decimal commas": {"time;temperature;humidity\n2026-03-03T10:00:00Z;4,1;51,0\n2026-03-03T10:05:00Z;4,4;52,5\n2026-03-03T10:10:00Z;-0,5;52,5\n", Options{},
			"2026-03-03T10:00:00Z temperature=4.1 humidity=51\n2026-03-03T10:05:00Z temperature=4.4 humidity=52.5\n2026-03-03T10:10:00Z temperature=-0.5 humidity=52.5\n"},
		"decimal commas in quotes": {"time,temperature,humidity\n2026-03-03T10:00:00Z,\"4,1\",\"51,0\"\n2026-03-03T10:05:00Z,\"4,4\",\"52,5\"\n", Options{},
			"2026-03-03T10:00:00Z temperature=4.1 humidity=51\n2026-03-03T10:05:00Z temperature=4.4 humidity=52.5\n"},
		"three decimals behind a comma": {"time;temperature\n2026-03-03T10:00:00Z;4,125\n", Options{Decimal: "comma"}, "2026-03-03T10:00:00Z temperature=4.125\n"},
		"HOBOware": {"\"Plot Title: Pallet 7 reefer\"\n" +
			"\"#\",\"Date Time, GMT-07:00\",\"Temp, °F (LGR S/N: 10000001, SEN S/N: 10000001)\",\"RH, % (LGR S/N: 10000001, SEN S/N: 10000001)\",\"Host Connected (LGR S/N: 10000001)\"\n" +
			"1,03/03/26 10:52:42 AM,39.20,99.10,\n2,03/03/26 11:08:42 AM,39.38,101.30,\n5,03/03/26 11:56:42 AM,48.20,98.00,\n6,03/03/26 12:12:42 PM,48.20,97.00,\n7,03/03/26 12:28:42 PM,,,Logged\n", Options{},
			"2026-03-03T17:52:42Z temperature=4 humidity=99.1\n2026-03-03T18:08:42Z temperature=4.1\n2026-03-03T18:56:42Z temperature=9 humidity=98\n2026-03-03T19:12:42Z temperature=9 humidity=97\n"},
		"HOBOware with semicolons, one of two probes": {"\"Date Time, GMT-07:00\";\"Temp, °F\";\"Temp, °F\";\"Coupler Detached\";\"End Of File\"\n07/15/2024 08:00:00;41.0;50.0;;\n07/15/2024 08:30:00;42.8;50.0;;\n07/15/2024 09:00:00;;;;Logged\n",
			Options{Map: []string{"temperature=#2"}, Ignore: []string{"#3"}}, "2024-07-15T15:00:00Z temperature=5\n2024-07-15T15:30:00Z temperature=6\n"},
		"HOBOconnect": {"Date-Time (MST),Ch:1 - Temperature (°C),Ch:2 - RH (%),Dew Point (°C)\n2024-04-14 06:30:13,21.47,31.80,4.01\n", Options{Zone: "-07:00", Profile: "hobo"},
			"2024-04-14T13:30:13Z temperature=21.47 humidity=31.8\n"},
		"Govee": {"\ufeffTimestamp for sample frequency every 15 min min, Temperature_Fahrenheit,Relative_Humidity\n2025-04-05 00:00:00,69.98,50.6\n", Options{Zone: "America/New_York"},
			"2025-04-05T04:00:00Z temperature=21.1 humidity=50.6\n"},
		"ThermoPro": {"Datetime,Temperature_Celsius,Relative_Humidity(%)\n2025-04-05 00:00:00,20.5,50\n", Options{Zone: "UTC"}, "2025-04-05T00:00:00Z temperature=20.5 humidity=50\n"},
		"EasyLog": {"Fridge 4,Time,Celsius(\xb0C),High Alarm,Low Alarm,Dew Point(\xb0C),Serial Number\r\n1,01/02/2025 12:00:00,4.5,8.0,2.0,1.1,000012345\r\n2,01/02/2025 12:05:00,5.0,8.0,2.0,1.1\r\n", Options{Profile: "easylog", Zone: "Europe/London", Ignore: []string{"Fridge 4"}},
			"2025-02-01T12:00:00Z temperature=4.5\n2025-02-01T12:05:00Z temperature=5\n"},
		"1-Wire Viewer": {"1-Wire/iButton Part Number: DS1921G-F5\n1-Wire/iButton Registration Number: 8400000036BF0121\nMission Start Time: Mon Jul 20 19:01:00 2023\n\nDate/Time,Unit,Value\n20/07/23 7:01:00 PM,C,13.5\n20/07/23 7:06:00 PM,F,57.2\n",
			Options{Profile: "ibutton", Dates: "dmy", Zone: "+02:00"}, "2023-07-20T17:01:00Z temperature=13.5\n2023-07-20T17:06:00Z temperature=14\n"},
		"Ruuvi": {"Date,Temperature (°C),Humidity (%),Pressure (hPa),RSSI (dBm),Acceleration X (g),Acceleration Y (g),Acceleration Z (g),Voltage (V),Movement counter,Measurement sequence number\n2026-01-05T10:00:00+0200,4.1,51,1013.2,-60,0.1,0,1,2.9,12,4711\n",
			Options{Profile: "ruuvi"}, "2026-01-05T08:00:00Z temperature=4.1 humidity=51 accel_x=0.980665 accel_y=0 accel_z=9.80665\n"},
		"date and time of day apart": {"No.,Date,Time,Temperature(°C)\n1,03.12.2025,10:00:00,4.5\n2,04.12.2025,10:00,4.6\n", Options{Zone: "Europe/Berlin"}, "2025-12-03T09:00:00Z temperature=4.5\n2025-12-04T09:00:00Z temperature=4.6\n"},
		"German":                     {"Zeit;Temperatur\n01.12.2025 10:00:00;4,5\n01.12.2025 10:05:00;4,6\n", Options{Zone: "Europe/Berlin"}, "2025-12-01T09:00:00Z temperature=4.5\n2025-12-01T09:05:00Z temperature=4.6\n"},
		"a serial number beside":     {"Time,Serial,Temperature (F)\n2025-12-01 10:00:00,0815,41.0\n", Options{Zone: "UTC"}, "2025-12-01T10:00:00Z temperature=5\n"},
		"unit in the name":           {"timestamp,Temperature_F,humidity_pct\n2026-03-03T10:00:00Z,39.2,50\n2026-03-03T10:10:00Z,-40,50\n", Options{}, "2026-03-03T10:00:00Z temperature=4 humidity=50\n2026-03-03T10:10:00Z temperature=-40 humidity=50\n"},
		"kelvin":                     {"time,Temperature [K]\n2026-03-03T10:00:00Z,277.15\n", Options{}, "2026-03-03T10:00:00Z temperature=4\n"},
		"units in cells":             {"time,temp,rh\n2026-03-03T10:00:00Z,39.2 °F,50%\n2026-03-03T10:05:00Z,−4.5°C,50 %RH\n", Options{}, "2026-03-03T10:00:00Z temperature=4 humidity=50\n2026-03-03T10:05:00Z temperature=-4.5 humidity=50\n"},
		"seconds":                    {"time,temperature\n1772532000,4.1\n1772532300.5,4.4\n", Options{}, "2026-03-03T10:00:00Z temperature=4.1\n2026-03-03T10:05:00.5Z temperature=4.4\n"},
		"milliseconds":               {"ts,accel_x_mg\n1772532000000,1000\n", Options{}, "2026-03-03T10:00:00Z accel_x=9.80665\n"},
		"two trackers":               {"time,tracker,temperature\n2026-03-03T10:00:00Z,T1,4.1\n2026-03-03T10:00:00Z,T2,4.4\n", Options{}, "T1 2026-03-03T10:00:00Z temperature=4.1\nT2 2026-03-03T10:00:00Z temperature=4.4\n"},
		"a door in words":            {"time,door\n2026-03-03T10:00:00Z,Open\n2026-03-03T10:05:00Z,closed\n", Options{}, "2026-03-03T10:00:00Z door=1\n2026-03-03T10:05:00Z door=0\n"},
		"names of months":            {"time,temperature\n3-Mar-2026 10:00,4\n03 Mar 2026 10:05,4\n\"Mar 3, 2026 10:10\",4\n", Options{Zone: "UTC"}, "2026-03-03T10:00:00Z temperature=4\n2026-03-03T10:05:00Z temperature=4\n2026-03-03T10:10:00Z temperature=4\n"},
		"a later date tells the order": {"time,temperature\n03/04/2026 10:00,4\n04/13/2026 10:00,5\n", Options{Zone: "UTC"},
			"2026-03-04T10:00:00Z temperature=4\n2026-04-13T10:00:00Z temperature=5\n"},
		"by hand":                               {"when,probe,l\n2026-03-03T10:00:00Z,50,3\n", Options{Map: []string{"time=when", "temperature[°F]=probe", "light[*0.001]=l"}}, "2026-03-03T10:00:00Z temperature=10 light=0.003\n"},
		"a header with signs of the old option": {"time,\"Temp*2+1=x, °F\"\n2026-03-03T10:00:00Z,50\n", Options{Map: []string{"temperature[°F]=Temp*2+1=x, °F"}}, "2026-03-03T10:00:00Z temperature=10\n"},
		"words in cells": {"time,temperature,humidity\n2026-03-03T10:00:00Z,4.1,51\n2026-03-03T10:05:00Z,---,52\n2026-03-03T10:10:00Z,NC,52\n2026-03-03T10:15:00Z,ERR,52\n2026-03-03T10:20:00Z,nan,52\n2026-03-03T10:25:00Z,N/A,53\n2026-03-03T10:30:00Z,4.6,53\n", Options{},
			"2026-03-03T10:00:00Z temperature=4.1 humidity=51\n2026-03-03T10:05:00Z humidity=52\n2026-03-03T10:10:00Z humidity=52\n2026-03-03T10:15:00Z humidity=52\n2026-03-03T10:20:00Z humidity=52\n2026-03-03T10:25:00Z humidity=53\n2026-03-03T10:30:00Z temperature=4.6 humidity=53\n"},
		"values that cannot be": {"time,temperature,humidity\n2026-03-03T10:00:00Z,4.1,99.5\n2026-03-03T10:05:00Z,-327.67,101.7\n2026-03-03T10:10:00Z,4.4,104.1\n", Options{},
			"2026-03-03T10:00:00Z temperature=4.1 humidity=99.5\n2026-03-03T10:05:00Z\n2026-03-03T10:10:00Z temperature=4.4\n"},
	} {
		got, _, err := lines(c.in, c.o)
		if err != nil || got != c.want {
			t.Errorf("%s:\ngot  %q, %v\nwant %q", name, got, err, c.want)
		}
	}
}

// The autumn night of 2025 in Berlin: 02:00 to 02:50 comes twice, and the rows tell which is which.
func TestRepeatedHourByTheRows(t *testing.T) {
	var in, want strings.Builder
	in.WriteString("timestamp,temperature\n")
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2025, 10, 25, 23, 0, 0, 0, time.UTC)
	for i := range 25 {
		v := 5.0
		if i >= 7 && i < 13 { // 00:10Z to 01:10Z
			v = 9.5
		}
		u := at.Add(time.Duration(i) * 10 * time.Minute)
		fmt.Fprintf(&in, "%s,%v\n", u.In(berlin).Format(time.DateTime), v)
		fmt.Fprintf(&want, "%s temperature=%v\n", u.Format(time.RFC3339), v)
	}
	got, rep, err := lines(in.String(), Options{Zone: "Europe/Berlin"})
	if err != nil || got != want.String() || rep.Zone != "Europe/Berlin" {
		t.Errorf("got in zone %q, %v\n%swant\n%s", rep.Zone, err, got, want.String())
	}
	if _, _, err := lines(in.String(), Options{}); err == nil || !strings.Contains(err.Error(), "line 2, column timestamp: times have no zone: give option zone") {
		t.Errorf("without a zone: %v, want that one is needed", err)
	}
}

func TestFaultsSayWhereAndWhatToDo(t *testing.T) {
	const head = "time,temperature\n"
	utc := Options{Zone: "UTC"}
	berlin := Options{Zone: "Europe/Berlin"}
	for _, c := range []struct {
		in   string
		o    Options
		want string
	}{
		{"", Options{}, "line 1: the file is empty"},
		{"a,b\n1,2\n", Options{}, "line 1: no column looks like the time: give option map, time=HEADER; the columns are a | b"},
		{"Title\ntime,b\n1,2\n", Options{}, "line 2: no column looks like a measurement: give option map, such as temperature=HEADER"},
		{"time,Temperature (°C),Temperature (°F)\n2026-03-03T10:00:00Z,4,39.2\n", Options{}, "line 1, column Temperature (°F): holds the same quantity as column Temperature (°C): give option map, QUANTITY=Temperature (°F), or option ignore"},
		{"time,temperature,CO2 (ppm)\n2026-03-03T10:00:00Z,4,400\n", Options{}, "line 1, column CO2 (ppm): holds numbers, such as 400, and is not read: give option map"},
		{"time,temperature,Dew Point (°C)\n2026-03-03T10:00:00Z,4,1\n", Options{}, "option profile: easylog, govee, hobo, ruuvi, sensorpush"},
		{"time,temperature,Temperature (hPa)\n2026-03-03T10:00:00Z,4,1\n", Options{}, "column Temperature (hPa): holds numbers"},
		{"time,local time,temperature\n2026-03-03T10:00:00Z,2026-03-03T10:00:00Z,4\n", Options{Map: []string{"time=x"}}, "option map: there is no column \"x\"; the columns are time | local time | temperature"},
		{"time,timestamp,temperature\n2026-03-03T10:00:00Z,1772532000,4\n", Options{}, "columns time and timestamp both look like the time"},
		{head, Options{}, "line 2: there is no row with a value"},
		{head + "2026-03-03T10:00:00Z,\n", Options{}, "line 2: there is no row with a value"},
		{head + "2026-03-03T10:00:00Z,warm\n", Options{}, `line 2, column temperature: "warm" is not a number; if it means that there is no value, give it as option missing`},
		{head + "2026-03-03T10:00:00Z,0x10\n", Options{}, `"0x10" is not a number`},
		{head + "2026-03-03T10:00:00Z,4,1\n", Options{}, "line 2: 3 values for 2 columns; is the comma the separator and the decimal mark?"},
		{"time;temperature\n2026-03-03T10:00:00Z;4,1\n2026-03-03T10:00:00Z;4.1\n", Options{}, `line 1: the file has both "4,1" and "4.1": give option decimal`},
		{"time;light\n2026-03-03T10:00:00Z;1,234\n", Options{}, `line 1, column light: "1,234" may be thousands`},
		{"time;light\n2026-03-03T10:00:00Z;1.234,5\n", Options{Decimal: "comma"}, "separators of thousands are not read"},
		{"time,Temperature (°C)\n2026-03-03T10:00:00Z,39 °F\n", Options{}, `"39 °F" is not in the header's unit, °C`},
		{"time,Temperature (°C)\n2026-03-03T10:00:00Z,39 hPa\n", Options{}, `"39 hPa" is not a number`},
		{head + "2026-03-03T10:00:00Z,\"4\n", Options{}, "line 2: extraneous or missing"},
		{head + "2026-03-03 10:00:00,4\n", Options{}, "line 2, column time: times have no zone: give option zone, such as Europe/Berlin"},
		{head + "2026-03-03 10:00:00 CST,4\n", utc, `zone "CST" is not understood`},
		{head + "03/04/2026 10:00,4\n", utc, "line 2, column time: 03/04/2026: day or month first? Give option dates: dmy, mdy or ymd"},
		{head + "26/03/16 10:00,4\n", utc, "day or month first?"},
		{head + "13/04/2026 10:00,4\n04/13/2026 10:00,4\n", utc, "line 3, column time: 04/13/2026 has another order of day, month and year"},
		{head + "31/02/2026 10:00,4\n", utc, "is not a date"},
		{head + "2026-03-03,4\n", utc, `"2026-03-03" is not a date with a time of day`},
		{head + "46084.45,4\n", utc, "46084.45 looks like a spreadsheet's number of a day"},
		{head + "0,4\n", Options{}, "line 2, column time: 0 is no time"},
		{head + "1970-06-01T00:00:00Z,4\n", Options{}, "is before 1978"},
		{head + "2026-03-29 02:30:00,4\n", berlin, "line 2, column time: 2026-03-29 02:30:00 does not exist in Europe/Berlin: the clocks were put forward"},
		{head + "2025-10-26 01:50,4\n2025-10-26 02:30,4\n2025-10-26 03:10,4\n", berlin, "line 3, column time: this hour comes twice in Europe/Berlin"},
		{head + "2025-10-26 02:30,4\n", berlin, "line 2, column time: this hour comes twice"},
		{"\"Date Time, GMT-07:00\",temp\n2026-03-03 10:00,4\n", berlin, "line 1, column Date Time, GMT-07:00: the header says GMT-07:00; leave option zone out"},
		{head + "2026-03-03T10:00:00Z,2000\n", Options{}, "none of its values can be a temperature in °C; is the unit right?"},
		{"time," + strings.Repeat("a,", 300) + "temperature\n", Options{}, "302 columns; at most 256"},
		{"\x00\x01\x02\x00garbage", Options{}, "this is no text"},
		{head, Options{Zone: "Mars"}, `option zone: "Mars" is no zone`},
		{head, Options{Zone: "Local"}, "is no zone"},
		{head, Options{Dates: "ddmm"}, "option dates"},
		{head, Options{Decimal: "."}, "option decimal"},
		{head, Options{Profile: "thermo"}, `option profile: "thermo" is not one of easylog, govee`},
		{head, Options{Map: []string{"warmth=temperature"}}, `option map: "warmth" is not one of time, tracker, temperature, humidity`},
		{head, Options{Map: []string{"temperature[hPa]=temperature"}}, `"hPa" is no unit of temperature`},
		{head, Options{Map: []string{"temperature"}}, "must be quantity=HEADER"},
		{"time,t,t\n", Options{Map: []string{"temperature=t"}}, `option map: 2 columns are "t"; #1, #2 … name one by its number`},
		{head, Options{Ignore: []string{"Dew*"}}, `option ignore: there is no column "Dew*"`},
	} {
		_, _, err := lines(c.in, c.o)
		var f *Fault
		if err == nil || !strings.Contains(err.Error(), c.want) || !errors.As(err, &f) {
			t.Errorf("%.80q %+v:\ngot  %v\nwant %s", c.in, c.o, err, c.want)
		}
	}
}

// Ten places are told, and what is wrong after a good row is told as well.
func TestEveryFaultIsTold(t *testing.T) {
	_, _, err := lines("time,temperature\n2026-03-03T10:00:00Z,4\n2026-03-03T10:00:00Z,x1\n2026-03-03T10:00:00Z,4\n2026-03-03T10:00:00Z,y1\n", Options{})
	if err == nil || !strings.Contains(err.Error(), "line 3, ") || !strings.Contains(err.Error(), "line 5, ") {
		t.Errorf("got %v, want the faults of lines 3 and 5", err)
	}
	_, _, err = lines("time,temperature\n"+strings.Repeat("2026-03-03T10:00:00Z,x1\n", 100), Options{})
	if err == nil || strings.Count(err.Error(), "line ") != 10 || !strings.Contains(err.Error(), "that follow were not looked at") {
		t.Errorf("got %v, want ten faults and that there may be more", err)
	}
	// What is wrong with all times is told once, and what else is wrong beside it.
	_, _, err = lines("time,temperature\n"+strings.Repeat("2026-03-03 10:00:00,4\n", 100)+"2026-03-03 10:00:00,x1\n", Options{})
	if err == nil || strings.Count(err.Error(), "no zone") != 1 || !strings.Contains(err.Error(), "line 102, column temperature") {
		t.Errorf("got %v, want the zone once, and line 102", err)
	}
	// A column whose first number comes after the head of the file.
	far := "time,temperature,note\n" + strings.Repeat("2026-03-03T10:00:00Z,4,ok\n", 20_000) + "2026-03-03T10:00:00Z,4,12.5\n"
	if _, _, err = lines(far, Options{}); err == nil || !strings.Contains(err.Error(), "line 20002, column note: holds numbers, such as 12.5") {
		t.Errorf("got %v, want the number in line 20002", err)
	}
}

func TestReport(t *testing.T) {
	in := "Trip 7\n\ntime;tracker;Temp °F;rh;Dew Point;remark\n2026-03-03T10:00:00Z;T1;39,2;101;1,5;start\n2026-03-03T10:05:00Z;T1;NC;50;1,5;\n2026-03-03T10:10:00Z;T1;NC;102;1,5;\n2026-03-03T10:15:00Z;;;;;end\n"
	_, got, err := lines(in, Options{Ignore: []string{"dew*"}})
	want := "{UTF-8 semicolon 3  [{time time } {tracker tracker } {Temp °F temperature °F} {rh humidity %RH}] [Dew Point] [remark] 3 1 [{Temp °F NC 5 2}] [{rh 101 4 2}]}"
	if text := fmt.Sprint(got); err != nil || text != want {
		t.Errorf("got  %s, %v\nwant %s", text, err, want)
	}
}

// What reads must not depend on where a buffer ends.
func TestLongFile(t *testing.T) {
	var b strings.Builder
	b.WriteString("time;température [°C]\n")
	for i := range 50_000 {
		fmt.Fprintf(&b, "%d;%d,5\n", 1772532000+i, i%10)
	}
	for _, in := range []string{b.String(), utf16Text(binary.BigEndian, true, b.String())} {
		n := 0
		rep, err := Read(strings.NewReader(in), Options{}, func(_ string, r telemetry.Reading) error {
			if r.TimeMS != int64(1772532000+n)*1000 || r.Values["temperature"] != float64(n%10)+0.5 {
				t.Fatalf("reading %d is %v", n, r)
			}
			n++
			return nil
		})
		if err != nil || n != 50_000 || rep.Readings != n {
			t.Errorf("%d readings, reported %d, %v", n, rep.Readings, err)
		}
	}
}

func TestReceiverEndsReading(t *testing.T) {
	stop := errors.New("enough")
	n := 0
	_, err := Read(strings.NewReader("time,temperature\n1772532000,1\n1772532001,1\n"), Options{}, func(string, telemetry.Reading) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("%d readings, %v; want the receiver's error after one", n, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("time,tracker,temperature\n2026-01-31T08:00:00Z,T1,4.5\n", "", "")
	f.Add("Zeit;Temperatur (°C)\n26.10.2025 02:00;4,5\n26.10.2025 02:50;4,5\n26.10.2025 02:00;4,5\n", "Europe/Berlin", "temperature=#2")
	f.Add("\xff\xfet\x00i\x00m\x00e\x00", "UTC", "humidity[%]=x*")
	f.Add("\"#\",\"Date Time, GMT-07:00\",\"Temp, °F (LGR S/N: 1)\"\n1,03/03/26 10:52:42 AM,39.20\n", "", "time=Date")
	f.Add("time,\"temp", "+01:00", "")
	f.Fuzz(func(t *testing.T, in, zone, item string) {
		o := Options{Zone: zone}
		if item != "" {
			o.Map = []string{item}
		}
		n := 0
		rep, err := Read(strings.NewReader(in), o, func(_ string, r telemetry.Reading) error {
			n++
			if len(r.Values) == 0 || r.TimeMS < earliest*1000 {
				t.Fatalf("reading %+v", r)
			}
			for name, v := range r.Values {
				if q, ok := telemetry.FindQuantity(name); !ok || !(v >= q.Min && v <= q.Max) {
					t.Fatalf("%s = %v", name, v)
				}
			}
			return nil
		})
		if err == nil && (n == 0 || rep.Readings != n) {
			t.Fatalf("%d readings, reported %d", n, rep.Readings)
		}
		var fault *Fault
		if err != nil && !errors.As(err, &fault) {
			t.Fatalf("%v is no fault of the file", err)
		}
	})
}

func TestProfilesAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/files.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range profiles {
		if !strings.Contains(string(doc), "| `"+p.name+"` | ") {
			t.Errorf("docs/files.md lacks the profile %s", p.name)
		}
	}
}
