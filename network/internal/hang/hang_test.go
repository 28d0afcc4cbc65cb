package hang

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

var errSilent = errors.New("no answer at http://127.0.0.1:1/healthz")

// A look a second; each letter is what a process does in it: . answers, x does not, r refuses connections, ! has been restarted and
// answers, - the watcher is held up for a minute and then sees errSilent.
func TestWatch(t *testing.T) {
	const patience = 4 * time.Second
	for _, tt := range []struct {
		name  string
		plays map[string]string
		want  string // which process is found when, in seconds
	}{
		{"all answer", map[string]string{"a": "....................", "b": "...................."}, ""},
		{"one hangs", map[string]string{"a": "..xxxxxxxxx", "b": "..........."}, "a@6"},
		{"it comes back in time", map[string]string{"a": ".xxxx.xxxx.xxxx."}, ""},
		{"it has never answered", map[string]string{"a": "xxxxxxx"}, "a@4"},
		{"it starts for long", map[string]string{"a": "rrrrrrrrrrrrrrrrrrrr..."}, ""},
		{"it does not listen any more", map[string]string{"a": "..rrrrrrr"}, "a@6"},
		{"restarted, it starts again", map[string]string{"a": "..xxxxx!.rr"}, "a@6"},
		{"it hangs again: twice the patience", map[string]string{"a": ".xxxxx!xxxxxxxxxx"}, "a@5 a@15"},
		{"one after the other", map[string]string{"a": "xxxxxxxx", "b": "xxxxxxxx", "c": "........", "d": "........"}, "a@4 b@6"},
		{"the watcher slept", map[string]string{"a": "..--xx..........", "b": "..--xx.........."}, ""},
		{"hanging since the watcher slept", map[string]string{"a": "..-xxxx", "b": "......."}, "a@66"},
		{"the machine is busy", map[string]string{"a": ".xxxxxxxxxxxxxxxx.", "b": ".xxxxxxxxxxxxxxxx.", "c": ".xxxxxxxxxxxxxxxx.", "d": ".................."}, ""},
		{"busy for ever", map[string]string{"a": strings.Repeat("x", 44), "b": strings.Repeat("x", 44), "c": strings.Repeat("x", 44)}, "a@40 b@42"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := New(patience)
			begin := time.Unix(1e9, 0)
			now, runs := begin, map[string]int{}
			var got []string
			for i := range tt.plays["a"] {
				var readings []Reading
				slept := false
				for _, name := range []string{"a", "b", "c", "d"} {
					if play := tt.plays[name]; i < len(play) {
						r := Reading{Process: name}
						switch play[i] {
						case 'x':
							r.Err = errSilent
						case 'r':
							r.Err, r.Refused = errSilent, true
						case '!':
							runs[name]++
						case '-':
							r.Err, slept = errSilent, true
						}
						r.Run = fmt.Sprint(runs[name])
						readings = append(readings, r)
					}
				}
				if slept {
					now = now.Add(time.Minute)
				}
				if f, found := w.Look(now, readings); found {
					got = append(got, fmt.Sprintf("%s@%d", f.Process, int(now.Sub(begin)/time.Second)))
				}
				now = now.Add(time.Second)
			}
			if g := strings.Join(got, " "); g != tt.want {
				t.Errorf("found %q, want %q", g, tt.want)
			}
		})
	}
}

// A process that answered for long enough is treated as one that never hung.
func TestPatienceIsForgotten(t *testing.T) {
	w := New(time.Second)
	now := time.Unix(1e9, 0)
	look := func(run string, err error) bool {
		now = now.Add(200 * time.Millisecond)
		_, found := w.Look(now, []Reading{{Process: "a", Run: run, Err: err}})
		return found
	}
	untilFound := func(run string) (looks int) {
		for looks = 1; !look(run, errSilent); looks++ {
			if looks > 1000 {
				t.Fatal("not found in 1000 looks")
			}
		}
		return looks
	}
	look("0", nil)
	first := untilFound("0")
	look("1", nil)
	if again := untilFound("1"); again < 2*first-2 {
		t.Errorf("found again after %d looks, want about twice the %d of the first time", again, first)
	}
	for range 60 {
		look("2", nil)
	}
	if later := untilFound("2"); later != first {
		t.Errorf("found after %d looks, want %d as the first time", later, first)
	}
}

func TestFindingSaysWhy(t *testing.T) {
	f := Finding{Process: "a", For: 31200 * time.Millisecond, Err: errSilent}
	if want := "did not answer for 31s: no answer at http://127.0.0.1:1/healthz"; f.String() != want {
		t.Errorf("%q, want %q", f, want)
	}
}
