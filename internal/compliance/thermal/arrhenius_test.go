package thermal

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"math/big"
	"math/bits"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

const precision = 300

// trueWeight is 2^shift * exp(-k/T), by squaring exp(-x/2^64), which Taylor's series gives.
func trueWeight(k activation, t detect.Decimal) *big.Float {
	num := func(n int64) *big.Float { return new(big.Float).SetPrec(precision).SetInt64(n) }
	x := new(big.Float).Quo(new(big.Float).Mul(num(int64(k.ratio)), num(1000)), num(int64(t)+zeroC))
	x.SetMantExp(x, -64).Neg(x)
	sum, term := num(1), num(1)
	for i := int64(1); i < 12; i++ {
		term.Quo(new(big.Float).Mul(term, x), num(i))
		sum.Add(sum, term)
	}
	for range 64 {
		sum.Mul(sum, sum)
	}
	return sum.SetMantExp(sum, int(k.shift))
}

// The usual ones, and the ends of the range.
var someActivations = []activation{activationOf(10_000_000_000), activationOf(9_999_913_000), activationOf(12_027_222_000), activationOf(leastActivation), activationOf(mostActivation)}

// The stated bounds: less than one unit of rounding down, plus 2^-54 of the weight.
func checkWeight(t interface{ Fatalf(string, ...any) }, k activation, temp detect.Decimal) {
	got, want := k.weight(temp), trueWeight(k, temp)
	off := new(big.Float).Sub(want, new(big.Float).SetUint64(got))
	bound, _ := new(big.Float).SetMantExp(want, -54).Float64()
	if d, _ := off.Float64(); d < -bound || d > 1+bound {
		t.Fatalf("weight of %s with k %v is %d, true %s", temp, k, got, want.Text('f', 3))
	}
	if temp >= 0 && got < 1<<25 || k.ratio <= 10_000_000 && got < 1<<18 || bits.Len64(got) > 63 {
		t.Fatalf("weight of %s is %d", temp, got)
	}
}

func TestWeightsAreWithinTheStatedError(t *testing.T) {
	for _, k := range someActivations {
		for _, temp := range []detect.Decimal{coldest, coldest + 1, -1, 0, 1, 5_000_000, 8_000_500, 25_000_000, hottest - 1, hottest} {
			checkWeight(t, k, temp)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		checkWeight(t, rapid.SampledFrom(someActivations).Draw(t, "k"), detect.Decimal(rapid.Int64Range(int64(coldest), int64(hottest)).Draw(t, "t")))
	})
}

func TestWarmerNeverWeighsLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom(someActivations).Draw(t, "k")
		a := rapid.Int64Range(int64(coldest)-5, int64(hottest)+5).Draw(t, "a")
		b := a + rapid.OneOf(rapid.Int64Range(0, 3), rapid.Int64Range(0, 1e8)).Draw(t, "more")
		if k.weight(detect.Decimal(a)) > k.weight(detect.Decimal(b)) {
			t.Fatalf("%d weighs more than %d", a, b)
		}
	})
}

// least is down to where the weights tell thousandths of a degree apart.
func (k activation) least() int64 {
	if k.ratio > 10_000_000 {
		return -20_000_000
	}
	return int64(coldest)
}

// One temperature's mean is that temperature; halves round up.
func TestMeanOfOneTemperature(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom(someActivations).Draw(t, "k")
		temp := rapid.Int64Range(k.least()+1000, int64(hottest)-1000).Draw(t, "t")
		want := int64(math.Floor(float64(temp+500) / 1000))
		if got := k.milli(k.weight(detect.Decimal(temp))); got != want {
			t.Fatalf("%d became %d, want %d", temp, got, want)
		}
	})
}

// The result is within 0.0005 °C (and rounding) of the formula in floats.
func TestMeanAgainstTheFormula(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom(someActivations).Draw(t, "k")
		var sum total
		var weighed, time float64
		kelvins := float64(k.ratio) / 1000
		for range rapid.IntRange(1, 50).Draw(t, "n") {
			temp, ms := rapid.Int64Range(k.least(), int64(hottest)).Draw(t, "t"), rapid.Int64Range(1, 1e9).Draw(t, "ms")
			sum.add(k.weight(detect.Decimal(temp)), ms)
			weighed += float64(ms) * math.Exp(-kelvins/(float64(temp)/1e6+273.15))
			time += float64(ms)
		}
		want := kelvins/-math.Log(weighed/time) - 273.15
		if got := float64(k.milli(sum.mean())) / 1000; math.Abs(got-want) > 0.000501 {
			t.Fatalf("%.3f, want %.6f", got, want)
		}
	})
}

// Floats are not the same on all processors (fused operations, assembly): the package has none.
func TestNoFloats(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Ident:
				if strings.HasPrefix(n.Name, "float") || n.Name == "Float" {
					t.Errorf("%s uses %s", file, n.Name)
				}
			case *ast.BasicLit:
				if n.Kind == token.FLOAT {
					t.Errorf("%s has %s", file, n.Value)
				}
			case *ast.ImportSpec:
				if n.Path.Value == `"math"` || n.Path.Value == `"math/big"` {
					t.Errorf("%s imports %s", file, n.Path.Value)
				}
			}
			return true
		})
	}
}
