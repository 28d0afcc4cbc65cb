package proc

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Spec says how to run one process. It is stored as JSON, so that the supervisor and `status` know it as well.
type Spec struct {
	Name string   `json:"name"`
	Path string   `json:"path"` // the program
	Args []string `json:"args,omitempty"`
	Env  []string `json:"env,omitempty"` // beside a few variables of the caller: PATH, HOME, TMPDIR, TZ, GOMEMLIMIT, …
	Dir  string   `json:"dir"`           // working folder
	Log  string   `json:"log"`           // both outputs are appended here
	// Inputs stands for the content of the program and of its configuration: a change restarts the process.
	Inputs string `json:"inputs,omitempty"`
	Ready  Probe  `json:"ready"`
}

// Hash changes when the process has to be restarted to follow its spec.
func (s Spec) Hash() string {
	s.Ready = Probe{}
	data, _ := json.Marshal(s) // strings only: cannot fail
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}
