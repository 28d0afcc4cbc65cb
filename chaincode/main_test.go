package main

import (
	"context"
	"strings"
	"testing"
)

func TestFlagsAndEnvironment(t *testing.T) {
	env := map[string]string{"CHAINCODE_SERVER_ADDRESS": "127.0.0.1:0", "CORE_CHAINCODE_ID_NAME": "trackseal:1", "CHAINCODE_TLS_KEY": "absent.pem", "CHAINCODE_CLIENT_CA": "absent.pem"}
	for _, tc := range []struct {
		name string
		args []string
		env  map[string]string
		want string
	}{
		{"nothing", nil, nil, "--listen is missing"},
		{"unknown flag", []string{"--port", "1"}, nil, "not defined"},
		{"stray argument", []string{"serve"}, nil, `unexpected argument "serve"`},
		{"environment, one missing", nil, env, "--tls-cert is missing; see --help"},
		{"environment and flag, file missing", []string{"--tls-cert", "absent.pem"}, env, "absent.pem"},
		{"flag wins over environment", []string{"--listen", "nowhere"}, env, `"nowhere"`},
		{"bad level", []string{"--log-level", "loud"}, nil, "log-level"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out strings.Builder
			err := run(context.Background(), tc.args, func(k string) string { return tc.env[k] }, &out, &out)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %q on one line", err, tc.want)
			}
			if out.Len() > 0 {
				t.Errorf("wrote %q", out.String())
			}
		})
	}
	var out strings.Builder
	if err := run(context.Background(), []string{"--help"}, func(string) string { return "" }, &out, &out); err != nil || !strings.Contains(out.String(), "-client-ca") {
		t.Errorf("%v %q", err, out.String())
	}
}
