package ccpackage

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"testing"
)

func unpack(t *testing.T, data []byte) map[string][]byte {
	t.Helper()
	gz, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for tr := tar.NewReader(gz); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(tr); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBuild(t *testing.T) {
	c := Connection{Address: "127.0.0.1:7054", DialTimeout: "10s", TLSRequired: true, ClientAuthRequired: true, ClientKey: "k", ClientCert: "c", RootCert: "r"}
	pkg, err := Build("trackseal", c)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Build("trackseal", c)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(pkg, again) {
		t.Error("two builds differ")
	}
	outer := unpack(t, pkg)
	if got := string(outer["metadata.json"]); got != `{"type":"ccaas","label":"trackseal"}` {
		t.Errorf("metadata.json: %s", got)
	}
	var got Connection
	if err := json.Unmarshal(unpack(t, outer["code.tar.gz"])["connection.json"], &got); err != nil || got != c {
		t.Errorf("connection.json: %+v %v", got, err)
	}
	c.Address = "127.0.0.1:7055"
	other, err := Build("trackseal", c)
	if err != nil {
		t.Fatal(err)
	}
	if ID("trackseal", other) == ID("trackseal", pkg) {
		t.Error("another address has the same id")
	}
}
