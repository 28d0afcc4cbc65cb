package pulse

import (
	"crypto/ed25519"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/trackseal/trackseal/internal/telemetry"
)

const noon = int64(1_790_000_000_000)

// every adds n beats so many milliseconds apart, the last one at lastMS.
func every(p *Pulse, ms int64, n int, lastMS int64) {
	for i := range int64(n) {
		at := lastMS - (int64(n)-1-i)*ms
		p.Add(Beat{TimeMS: at - 300, ReceivedMS: at, Signed: true, Leaf: uint64(i)})
	}
}

func signed(t *testing.T, c telemetry.Claims) []byte {
	t.Helper()
	c.Tracker, c.Boot, c.TimeMS = "T-1", 1, noon
	raw, err := telemetry.Encode(ed25519.NewKeyFromSeed(make([]byte, 32)), c, []telemetry.Reading{{TimeMS: noon, Values: map[string]float64{"temperature": 4}}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestWhenATrackerIsSilent(t *testing.T) {
	for name, c := range map[string]struct {
		make     func(p *Pulse)
		fromMS   int64
		due      int64
		promised bool
		quiet    int64
	}{
		"never heard":               {func(*Pulse) {}, noon, 0, false, noon + 6*hour},
		"heard once":                {func(p *Pulse) { every(p, minute, 1, noon) }, 0, 0, false, noon + 6*hour},
		"each minute":               {func(p *Pulse) { every(p, minute, 20, noon) }, 0, noon + minute, false, noon + 10*minute},
		"each hour":                 {func(p *Pulse) { every(p, hour, 20, noon) }, 0, noon + hour, false, noon + 3*hour},
		"each hour, assigned since": {func(p *Pulse) { every(p, hour, 20, noon) }, noon + hour, noon + hour, false, noon + 4*hour},
		"one message ten minutes late does not make the interval": {func(p *Pulse) {
			every(p, minute, 20, noon-10*minute)
			every(p, minute, 1, noon)
		}, 0, noon + minute, false, noon + 10*minute},
		"a buffer of sixty each hour": {func(p *Pulse) {
			for h := range int64(4) {
				for i := range int64(20) {
					p.Add(Beat{TimeMS: noon - (3-h)*hour - (20-i)*3*minute, ReceivedMS: noon - (3-h)*hour + i*50, Leaf: uint64(i)})
				}
			}
		}, 0, noon + 19*50 + hour - 19*50, false, noon + 19*50 + 3*(hour-19*50)},
		"it promised": {func(p *Pulse) {
			every(p, minute, 20, noon)
			p.Promise(signed(t, telemetry.Claims{NextDueS: 3600}), noon)
		}, 0, noon + hour, true, noon + hour + 30*minute},
		"it promised soon": {func(p *Pulse) {
			every(p, minute, 20, noon)
			p.Promise(signed(t, telemetry.Claims{NextDueS: 60}), noon)
		}, 0, noon + minute, true, noon + 3*minute},
		"it sleeps": {func(p *Pulse) {
			every(p, minute, 20, noon)
			p.Promise(signed(t, telemetry.Claims{Kind: telemetry.Sleep, NextDueS: 60, Sleep: &telemetry.SleepDetail{UntilMS: noon + 10*hour}}), noon)
		}, 0, noon + 10*hour, true, noon + 15*hour},
		"a promise that a later message did not repeat": {func(p *Pulse) {
			every(p, minute, 20, noon)
			p.Promise(signed(t, telemetry.Claims{NextDueS: 36000}), noon-minute)
		}, 0, noon + minute, false, noon + 10*minute},
		"bytes that are no message promise nothing": {func(p *Pulse) {
			every(p, minute, 20, noon)
			p.Promise([]byte("x"), noon)
		}, 0, noon + minute, false, noon + 10*minute},
	} {
		var p Pulse
		c.make(&p)
		due, promised, quiet := p.Due(c.fromMS)
		if name == "a buffer of sixty each hour" {
			c.due = noon + 19*50 + p.UsualMS() // an hour less what the buffer took
			if usual := p.UsualMS(); usual < 59*minute || usual > hour {
				t.Errorf("%s: usual interval %d ms, want about an hour", name, usual)
			}
		}
		if due != c.due || promised != c.promised || quiet != c.quiet {
			t.Errorf("%s: due %d promised %v quiet %d, want %d %v %d", name, due-noon, promised, quiet-noon, c.due-noon, c.promised, c.quiet-noon)
		}
	}
}

// TestOrderDoesNotMatter: messages come in any order, and twice.
func TestOrderDoesNotMatter(t *testing.T) {
	var in, mixed Pulse
	every(&in, minute, 150, noon)
	random := rand.New(rand.NewPCG(1, 2))
	for range 2 {
		for _, i := range random.Perm(150) {
			at := noon - int64(149-i)*minute
			mixed.Add(Beat{TimeMS: at - 300, ReceivedMS: at, Signed: true, Leaf: uint64(i)})
		}
	}
	a, _ := in.Last()
	b, _ := mixed.Last()
	if a != b || in.UsualMS() != mixed.UsualMS() || len(mixed.beats) != Keep {
		t.Errorf("got %v, %d ms, %d beats; want %v, %d ms, %d beats", b, mixed.UsualMS(), len(mixed.beats), a, in.UsualMS(), Keep)
	}
}

func TestClock(t *testing.T) {
	for name, c := range map[string]struct {
		signed bool
		times  []int64 // of the tracker, less that of the receipt; a minute apart
		offset int64
		off    bool
	}{
		"right":                           {true, []int64{-300, -200, -5000}, -200, false},
		"what waited in a buffer":         {true, []int64{-3_600_000, -1_800_000, -400}, -400, false},
		"ahead":                           {true, []int64{130_000, 121_000}, 130_000, true},
		"behind":                          {true, []int64{-400_000, -500_000}, -400_000, true},
		"unsigned, an old first reading":  {false, []int64{-400_000, -500_000}, -400_000, false},
		"unsigned and ahead":              {false, []int64{130_000}, 130_000, true},
		"never set":                       {true, []int64{-300, -noon}, -noon, true},
		"set again after it was never so": {true, []int64{-noon, -300}, -300, false},
	} {
		var p Pulse
		for i, d := range c.times {
			at := noon + int64(i)*minute
			p.Add(Beat{TimeMS: max(0, at+d), ReceivedMS: at, Signed: c.signed})
		}
		got, ok := p.Clock()
		if name == "never set" {
			c.offset = -(noon + minute)
			c.offset = got.OffsetMS // whatever it shows
		}
		if !ok || got.OffsetMS != c.offset || got.Off() != c.off {
			t.Errorf("%s: %+v off %v, want offset %d off %v", name, got, got.Off(), c.offset, c.off)
		}
	}
	if _, ok := new(Pulse).Clock(); ok {
		t.Error("a clock that nobody heard of")
	}
}

// TestDrift: 20 ppm are 1728 ms a day, whatever the network and the buffer add.
func TestDrift(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var beats []Beat
	for i := range int64(5 * 24 * 12) { // five minutes apart
		received := noon + i*5*minute
		late := int64(100 + random.ExpFloat64()*2000)
		if random.IntN(3) == 0 {
			late += random.Int64N(4 * hour) // from the buffer
		}
		at := received - late
		beats = append(beats, Beat{TimeMS: at + (at-noon)*20/1_000_000, ReceivedMS: received, Signed: true})
	}
	got, ok := Drift(beats)
	if !ok || math.Abs(got-1728) > 100 {
		t.Errorf("drift %v %v, want 1728 within 100", got, ok)
	}
	if got, ok := Drift(beats[:24]); ok {
		t.Errorf("two hours give a drift of %v", got)
	}
}

func TestBatteryTrend(t *testing.T) {
	var points []Point
	for i := range int64(20) {
		v := 90 - 2*float64(i)
		if i == 7 {
			v = 20 // a cold day
		}
		points = append(points, Point{noon + i*24*hour, v})
	}
	if got, ok := Slope(points[8:]); !ok || got != -2 {
		t.Errorf("slope %v %v, want -2", got, ok)
	}
	if got, ok := Slope(points); !ok || math.Abs(got+2) > 0.1 {
		t.Errorf("with a cold day: slope %v %v, want -2", got, ok)
	}
	charged := append([]Point{{noon - 2*24*hour, 30}, {noon - 24*hour, 28}}, points[:5]...)
	if got := Recharged(charged); len(got) != 5 {
		t.Errorf("%d days since it was charged, want 5", len(got))
	}
	if days, ok := DaysLeft(50, -2); !ok || days != 25 {
		t.Errorf("%v days left %v, want 25", days, ok)
	}
	if days, ok := DaysLeft(50, 0.5); ok {
		t.Errorf("a battery that fills has %v days left", days)
	}
	if _, ok := Slope(points[:2]); ok {
		t.Error("two points are no trend")
	}
}
