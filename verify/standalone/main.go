// Command standalone builds the browser verifier: one HTML file that works from disk without any server, or with -dir the
// parts of it for a web application.
package main

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed page.html
var page string

func main() {
	out := flag.String("out", "", "write the single page to this file")
	dir := flag.String("dir", "", "write verify.wasm and wasm_exec.js to this folder")
	flag.Parse()
	if err := build(*out, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "standalone:", err)
		os.Exit(1)
	}
}

func build(out, dir string) error {
	if out == "" && dir == "" {
		return errors.New("give -out FILE, -dir DIR or both")
	}
	temp, err := os.MkdirTemp("", "trackseal-wasm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	binary := filepath.Join(temp, "verify.wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", binary, "github.com/trackseal/trackseal/verify/wasm")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build for the browser: %w", err)
	}
	wasm, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	glue, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"))
	if err != nil {
		return err
	}
	if dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := errors.Join(place(dir, "verify.wasm", wasm), place(dir, "wasm_exec.js", glue)); err != nil {
			return err
		}
	}
	if out == "" {
		return nil
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(wasm); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	encode := base64.StdEncoding.EncodeToString
	html := strings.NewReplacer("{{glue}}", encode(glue), "{{wasm}}", encode(packed.Bytes())).Replace(page)
	return os.WriteFile(out, []byte(html), 0o644)
}

// place writes a file in one step, since another build may be reading it, and leaves one that is right as it is.
func place(dir, name string, data []byte) error {
	path := filepath.Join(dir, name)
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return nil
	}
	f, err := os.CreateTemp(dir, name+".")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}
