package ledger

import (
	"encoding/hex"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// Bounds of what one record may hold. A record is read and written whole, so it must stay small.
const (
	MaxKeys         = 64        // of one tracker, ever
	MaxAssignments  = 512       // of one shipment, ever
	MaxHeads        = 512       // logs in one handover, close, verdict or excursion
	MaxReasons      = 256       // in one verdict
	MaxDetail       = 16 << 10  // bytes of a verdict's detail
	MaxBudget       = 64        // lines of a stability budget
	MaxCarriedFrom  = 16        // shipments whose budget one goes on with
	MaxRules        = 64 << 10  // bytes of a rule set
	MaxProfile      = 256 << 10 // bytes of a profile's document
	MaxProfiles     = 64        // pins of one tracker, ever
	MaxDevice       = 128       // bytes of a tracker's name at its gateway
	MaxCertificates = 4         // from a device's to its maker's root, both among them
	MaxCertificate  = 4 << 10   // bytes of one
	MaxWitnesses    = 8         // signed messages in one breach claim, together no larger than one may be
	MaxLimit        = 200       // items of a page
	DefaultLimit    = 50        // items of a page when none is asked for
	MaxProof        = 128       // hashes of a consistency proof between trees of at most 2^64 leaves
)

const (
	// MaxTimeMS is the end of the year 9999, the last that REST can write.
	MaxTimeMS = 253402300799999
	maxNumber = 1 << 53 // exact in every JSON reader
)

// first returns the first problem. Each check is a value, so all of them are evaluated: they are cheap.
func first(problems ...error) error {
	for _, p := range problems {
		if p != nil {
			return p
		}
	}
	return nil
}

func checkID(member, s string) error {
	if !telemetry.ValidID(s) {
		return invalid("%s must be 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or digit, not %.80q", member, s)
	}
	return nil
}

// IsHash reports whether s is a SHA-256 digest in lower-case hex.
func IsHash(s string) bool { return len(s) == 64 && isHex(s) }

func isHex(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && s == strings.ToLower(s)
}

func checkHash(member, s string) error {
	if !IsHash(s) {
		return invalid("%s must be 64 lower-case hex digits, not %.80q", member, s)
	}
	return nil
}

func checkHex(member, s string, min, max int) error {
	if !isHex(s) || len(s) < 2*min || len(s) > 2*max {
		return invalid("%s must be %d to %d bytes in lower-case hex", member, min, max)
	}
	return nil
}

func checkText(member, s string, min, max int) error {
	if !utf8.ValidString(s) || len(s) < min || len(s) > max || strings.ContainsFunc(s, unicode.IsControl) {
		return invalid("%s must be %d to %d bytes of text without control characters", member, min, max)
	}
	return nil
}

func checkTime(member string, ms int64, zeroOK bool) error {
	if ms < 0 || ms > MaxTimeMS || ms == 0 && !zeroOK {
		return invalid("%s must be milliseconds since 1970, not %d", member, ms)
	}
	return nil
}

var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,400})?$`)

func checkDecimal(member, s string) error {
	if !decimal.MatchString(s) {
		return invalid("%s must be a decimal such as -12.5, not %.60q", member, s)
	}
	return nil
}

func checkAlg(alg int) error {
	if algName(alg) == "unknown" {
		return invalid("alg must be -19 (Ed25519) or -9 (ESP256), not %d", alg)
	}
	return nil
}

// Validate checks the shape of a log head.
func (h LogHead) Validate() error {
	if h.Size > maxNumber {
		return invalid("size of log %s is out of range", h.Log)
	}
	return first(checkHash("log", h.Log), checkHash("root", h.Root))
}

func checkHeads(heads []LogHead) error {
	if len(heads) > MaxHeads {
		return invalid("heads: %d given, at most %d are accepted", len(heads), MaxHeads)
	}
	seen := make(map[string]bool, len(heads))
	for _, h := range heads {
		if err := h.Validate(); err != nil {
			return err
		}
		if seen[h.Log] {
			return invalid("heads: log %s is named twice", h.Log)
		}
		seen[h.Log] = true
	}
	return nil
}

// checkLogs checks the logs that a judgement was made from: one way only to write the same ones.
func checkLogs(logs []LogHead) error {
	if len(logs) == 0 || len(logs) > MaxHeads {
		return invalid("logs: %d given, 1 to %d are accepted", len(logs), MaxHeads)
	}
	for i, h := range logs {
		if err := h.Validate(); err != nil {
			return err
		}
		switch {
		case h.Size == 0:
			return invalid("logs: log %s has no leaf: leave it out", h.Log)
		case i > 0 && h.Log <= logs[i-1].Log:
			return invalid("logs must be in the order of their ids, each once: %s stands after %s", h.Log, logs[i-1].Log)
		}
	}
	return nil
}
