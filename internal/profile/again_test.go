package profile

import "testing"

// Ensure that an honest operator on another processor is no liar, and that nobody shifts a value that anything is judged by.
func TestDecodedAlike(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{`{"data":{"t":4.123456789012345}}`, `{"data":{"t":4.123456789012346}}`, true},
		{`{"data":{"t":-0.1}}`, `{"data":{"t":-0.10000000000000002}}`, true},
		{`{"data":{"t":4.1}}`, `{"data":{"t":4.100000001}}`, false},
		{`{"data":{"t":4}}`, `{"data":{"t":"4"}}`, false},
		{`{"data":{"t":0}}`, `{"data":{"t":1e-300}}`, false},
		{`{"data":{"t":4}}`, `{"data":{"t":4,"u":1}}`, false},
		{`{"data":{"t":4}}`, `{"data":{"u":4}}`, false},
		{`{"data":[1,2]}`, `{"data":[1,2,3]}`, false},
		{`{"data":[1,{"a":null}]}`, `{"data":[1,{"a":null}]}`, true},
		{`{"data":null}`, `{"data":false}`, false},
		{`{"data":1}`, `{"data":1} {}`, false},
		{`{"data":1}`, `{"data":1 }`, false},
		{`{"data":[1,"#"]}`, `{"data":["#",1]}`, false},
		{`{"data":1e400}`, `{"data":2e400}`, false},
	} {
		if got := alike([]byte(c.a), []byte(c.b)); got != c.want {
			t.Errorf("%s and %s alike: %v, expected %v", c.a, c.b, got, c.want)
		}
	}
}
