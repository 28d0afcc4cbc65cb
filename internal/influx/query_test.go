package influx

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/stored"
)

// Ensure that an answer is taken whole or not at all: errors come after good rows, and with status 200.
func TestAnswers(t *testing.T) {
	good := `{"results":[{"statement_id":0,"series":[{"name":"m","tags":{"tracker":"T-1"},"columns":["time","a","b"],"values":[[1,"x,]\"y\\",null],[-2,4.5,true]],"partial":true}],"partial":true}]}` + "\n"
	rest := `{"results":[{"statement_id":0,"series":[{"name":"m","columns":["time","a","b"],"values":[[3,"é\n","<"]]}]}]}` + "\n"
	for name, tt := range map[string]struct {
		answer, want string
		err          string // "" = none
	}{
		"two chunks":          {good + rest, `[0 T-1 1 "x,]\"y\\" ""][0 T-1 -2 "4.5" "true"][0  3 "é\n" "<"]`, ""},
		"nothing found":       {`{"results":[{"statement_id":0}]}`, "", ""},
		"nothing at all":      {"", "", ""},
		"second statement":    {`{"results":[{"statement_id":1,"series":[{"columns":["a"],"values":[[7]]}]}]}`, `[1  0 "7" ""]`, ""},
		"error afterwards":    {good + `{"results":[{"statement_id":0,"error":"query timeout limit exceeded"}]}`, `[0 T-1 1 "x,]\"y\\" ""][0 T-1 -2 "4.5" "true"]`, "query timeout"},
		"error of all":        {`{"error":"database not found"}`, "", "database not found"},
		"cut between chunks":  {good, `[0 T-1 1 "x,]\"y\\" ""][0 T-1 -2 "4.5" "true"]`, "unexpected EOF"},
		"cut within a chunk":  {good + rest[:40], `[0 T-1 1 "x,]\"y\\" ""][0 T-1 -2 "4.5" "true"]`, "unexpected EOF"},
		"something different": {"<html>", "", "invalid character"},
	} {
		got := ""
		err := readAnswer(strings.NewReader(tt.answer), func(r *row) {
			got += fmt.Sprintf("[%d %s %d %q %q]", r.statement, r.tags["tracker"], r.ns(), r.text("a"), r.text("b"))
		})
		if got != tt.want {
			t.Errorf("%s: rows %s, want %s", name, got, tt.want)
		}
		if (err != nil) != (tt.err != "") || err != nil && (!strings.Contains(err.Error(), tt.err) || !errors.Is(err, stored.ErrUnavailable)) {
			t.Errorf("%s: error %v, want one that is ErrUnavailable and says %q", name, err, tt.err)
		}
	}
	own := errors.New("own")
	if err := readAnswer(strings.NewReader(good), func(r *row) { r.err = own }); !errors.Is(err, own) {
		t.Errorf("error %v, want the caller's own", err)
	}
}

func TestQuoteLeavesNoWayOut(t *testing.T) {
	for in, want := range map[string]string{`a'b`: `'a\'b'`, `\`: `'\\'`, `\'`: `'\\\''`, "a\nb": `'a\nb'`, `"`: `'"'`, "": `''`} {
		if got := quote(in); got != want {
			t.Errorf("quote(%q) = %s, want %s", in, got, want)
		}
	}
}
