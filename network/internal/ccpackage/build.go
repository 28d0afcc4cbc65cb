// Package ccpackage makes chaincode packages for chaincode that runs as a service. The same input gives the same bytes, and
// so the same package id.
package ccpackage

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Connection tells a peer how to reach the chaincode server. Certificates and keys are PEM.
type Connection struct {
	Address            string `json:"address"`
	DialTimeout        string `json:"dial_timeout"`
	TLSRequired        bool   `json:"tls_required"`
	ClientAuthRequired bool   `json:"client_auth_required"`
	ClientKey          string `json:"client_key"`
	ClientCert         string `json:"client_cert"`
	RootCert           string `json:"root_cert"`
}

// metadata is what the peer and the external builder read.
type metadata struct {
	Type  string `json:"type"`
	Label string `json:"label"`
}

// Build makes the package: metadata.json beside code.tar.gz, which holds connection.json alone.
func Build(label string, c Connection) ([]byte, error) {
	connection, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	meta, err := json.Marshal(metadata{Type: "ccaas", Label: label})
	if err != nil {
		return nil, err
	}
	code, err := archive(file{"connection.json", connection})
	if err != nil {
		return nil, err
	}
	return archive(file{"metadata.json", meta}, file{"code.tar.gz", code})
}

// ID is the package id that every peer derives from the bytes.
func ID(label string, pkg []byte) string {
	sum := sha256.Sum256(pkg)
	return label + ":" + hex.EncodeToString(sum[:])
}

type file struct {
	name string
	data []byte
}

// archive is a tar.gz without times, owners or a name, which would differ from run to run.
func archive(files ...file) ([]byte, error) {
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	tw := tar.NewWriter(gz)
	for _, f := range files {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: 0o100644, Size: int64(len(f.data)), Format: tar.FormatUSTAR}
		if err := tw.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := tw.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := tw.Close(); err != nil {
		return nil, err
	}
	if err := gz.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
