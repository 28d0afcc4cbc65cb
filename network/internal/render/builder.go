package render

import (
	"path/filepath"

	"github.com/trackseal/trackseal/network/internal/topology"
)

// The peer's external builder for a chaincode that runs as a service. Nothing is compiled: the package holds one file that
// says where the service listens, and the three steps hand it on to the peer.
const (
	detect = `#!/bin/sh
# detect SOURCE METADATA: is this package ours?
grep -q '"type": *"ccaas"' "$2/metadata.json"
`
	build = `#!/bin/sh
# build SOURCE METADATA OUTPUT
set -e
cp "$1/connection.json" "$3/connection.json"
`
	release = `#!/bin/sh
# release OUTPUT RELEASE: the peer looks for the address here.
set -e
mkdir -p "$2/chaincode/server"
cp "$1/connection.json" "$2/chaincode/server/connection.json"
`
)

func builder(s topology.Stack) []File {
	bin := filepath.Join(s.BuilderDir(), "bin")
	return []File{
		{Path: filepath.Join(bin, "detect"), Data: []byte(detect), Mode: 0o700},
		{Path: filepath.Join(bin, "build"), Data: []byte(build), Mode: 0o700},
		{Path: filepath.Join(bin, "release"), Data: []byte(release), Mode: 0o700},
	}
}
