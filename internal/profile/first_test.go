package profile

import "testing"

func TestFirst(t *testing.T) {
	p, ok := Find("thingsboard-device@1")
	if !ok {
		t.Fatal("none")
	}
	for _, in := range []string{`{"temperature":4.2,"ts":1796008800000}`, `[{"ts":1796008800000,"values":{"temperature":4.2,"humidity":50}},{"ts":1796008860000,"values":{"temperature":4.3,"humidity":51,"x":{"y":[1]}}}]`, `{"a":1}`, `{"a":`} {
		r, err := p.Read("v2/t", []byte(in), nil, 1796008800000)
		t.Logf("%s %v %q %v", r.Reads, r.Seq, r.Ignored, err)
	}
	_, err := Parse([]byte(`{"id":"a.b","version":1,"title":"t","topic":["x"],"readings":[{"quantity":"temp","from":"$"}]}`))
	t.Log(err)
	_, err = Parse([]byte(`{"id":"a.b","version":0,"title":"t","topics":["x"],"each":"$[?@.a","readings":[{"quantity":"temp","from":"$"},{"quantity":"temperature","from":"$","unit":"°R"}]}`))
	t.Log(err)
}
