package trackers

import (
	"fmt"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/api/internal/problem"
)

func reason(err error) string {
	p, _ := problem.Of(err)
	if len(p.Errors) > 0 {
		return p.Errors[0].Field + " " + p.Errors[0].Detail
	}
	return p.Detail
}

func TestReadList(t *testing.T) {
	want := line{line: 2, id: "G-1", model: "rail, \"long\"", profile: "thingsboard-gateway@1", gateway: "", device: "Kühlung 7", operator: "north"}
	for name, text := range map[string]string{
		"commas":                      "id,model,profile,gateway,device,operator\nG-1,\"rail, \"\"long\"\"\",thingsboard-gateway@1,,Kühlung 7,north\n",
		"semicolons":                  "id;model;profile;gateway;device;operator\r\nG-1;\"rail, \"\"long\"\"\";thingsboard-gateway@1;;Kühlung 7;north\r\n",
		"tabs":                        "id\tmodel\tprofile\tgateway\tdevice\toperator\nG-1\t\"rail, \"\"long\"\"\"\tthingsboard-gateway@1\t\tKühlung 7\tnorth",
		"BOM, order, case and blanks": "\ufeffDevice ; ID;Operator;MODEL;profile\nKühlung 7; G-1 ;north;\"rail, \"\"long\"\"\";thingsboard-gateway@1\n\n",
		"BOM before a quoted name":    "\ufeff\"id\",\"model\",profile,device,operator\nG-1,\"rail, \"\"long\"\"\",thingsboard-gateway@1,Kühlung 7,north\n",
	} {
		got, err := readList([]byte(text))
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%s: got %+v, %v; want %+v", name, got, err, want)
		}
	}
	for name, tc := range map[string]struct{ text, want string }{
		"nothing":               {"", "must name the columns"},
		"no UTF-8":              {"id\nK\xfchlung\n", "not UTF-8"},
		"an unknown column":     {"id;gatway\nT-1;G\n", "gatway"},
		"a column twice":        {"id,ID\nT-1,T-2\n", "twice"},
		"no id":                 {"model\nprobe\n", "no column id"},
		"no row":                {"id,model\n", "no row"},
		"too many":              {"id\n" + strings.Repeat("T\n", maxImport+1), "more than 2000 rows"},
		"a quote in the header": {"id,\"mod\nel", "must name the columns"},
	} {
		if got, err := readList([]byte(tc.text)); err == nil || !strings.Contains(reason(err), tc.want) {
			t.Errorf("%s: got %v, %v; want … %s …", name, got, err, tc.want)
		}
	}
	if got, err := readList([]byte("id\n" + strings.Repeat("T\n", maxImport))); err != nil || len(got) != maxImport {
		t.Errorf("the longest list: %d rows, %v", len(got), err)
	}
}

// A bad row says what is wrong with it, and the rows around it are read.
func TestReadListRowByRow(t *testing.T) {
	for name, tc := range map[string]struct{ row, want string }{
		"no id":         {";probe;;", "csv.id"},
		"a bad id":      {"../x;probe;;", "csv.id"},
		"more values":   {"T-2;probe;;;;", "6 values for 4 columns"},
		"a bad gateway": {"T-2;probe;a b;", "csv.gateway"},
		"a long name":   {"T-2;;G;" + strings.Repeat("n", 129), "csv.device"},
		"a bare quote":  {`T-2;a "probe";;`, "cannot be read"},
	} {
		got, err := readList(fmt.Appendf(nil, "id;model;gateway;device\nT-1;;;\n%s\nT-3\n", tc.row))
		if err != nil || len(got) != 3 || got[0].err != nil || got[2].err != nil || got[2].id != "T-3" || got[2].line != 4 {
			t.Errorf("%s: got %+v, %v; want the rows around it", name, got, err)
			continue
		}
		if got[1].err == nil || got[1].line != 3 || !strings.Contains(reason(got[1].err), tc.want) {
			t.Errorf("%s: line %d: %v; want … %s … in line 3", name, got[1].line, got[1].err, tc.want)
		}
	}
}

func FuzzReadList(f *testing.F) {
	f.Add([]byte(importExample))
	f.Add([]byte("\ufeffid,model\nT-1,\"a\nb\"\nT-2,\"\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		list, err := readList(raw)
		if err != nil {
			if p, internal := problem.Of(err); internal || p.Status != 422 {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		at := 1
		for _, l := range list {
			if l.line <= at || l.err == nil && !trackerID.MatchString(l.id) {
				t.Fatalf("line %d after %d: %+v", l.line, at, l)
			}
			at = l.line
		}
	})
}
