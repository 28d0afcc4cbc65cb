package telemetry

import "fmt"

// Reason is a code of docs/formats.md, "Reason codes".
type Reason string

// The codes; the first group is refused, duplicate is dropped, the last group is accepted and flagged.
const (
	Malformed      Reason = "malformed"
	NotCanonical   Reason = "not_canonical"
	Oversized      Reason = "oversized"
	TopicMismatch  Reason = "topic_mismatch"
	UnknownTracker Reason = "unknown_tracker"
	Revoked        Reason = "revoked"
	OtherOperator  Reason = "other_operator" // the ingest of another operator takes them
	BadSignature   Reason = "bad_signature"
	WrongKey       Reason = "wrong_key"
	WrongAlg       Reason = "wrong_alg"
	PackMismatch   Reason = "pack_mismatch"
	OutOfRange     Reason = "out_of_range"
	NoMatch        Reason = "no_match"        // the tracker's profile does not say how to read it
	CodecFailed    Reason = "codec_failed"    // its codec's script
	CodecLimit     Reason = "codec_limit"     // the script took too much time or memory, or said too much
	UnknownDevice  Reason = "unknown_device"  // a gateway speaks of a device that is not enrolled for it
	NotItsGateway  Reason = "not_its_gateway" // the device is enrolled for another
	RateLimited    Reason = "rate_limited"    // not kept at all: the tracker sends it again

	// Of the broker inside ingest: what never becomes a message.
	BadLogin      Reason = "bad_login"
	ProtocolError Reason = "protocol_error"
	WillIgnored   Reason = "will_ignored" // the login itself was accepted
	Busy          Reason = "busy"         // not for good: the client comes again

	Duplicate Reason = "duplicate"

	// What only shows when all is there.
	GapDeclared Reason = "gap_declared"
	Reboot      Reason = "reboot"

	SeqGap      Reason = "seq_gap"
	Reordered   Reason = "reordered"
	Late        Reason = "late"
	Fork        Reason = "fork"
	BootRegress Reason = "boot_regress"
	ChainBreak  Reason = "chain_break"
	ClockAhead  Reason = "clock_ahead"
	ClockBehind Reason = "clock_behind"
	AfterClose  Reason = "after_close"
	Unassigned  Reason = "unassigned"
	Flawed      Reason = "flawed" // a member of a reading gave no value
)

// Temporary reports whether a message is not refused for good: nobody keeps it but its sender, who sends it again.
func (r Reason) Temporary() bool { return r == RateLimited || r == Busy }

// Reject says why a message is refused.
type Reject struct {
	Reason Reason
	Detail string
}

func (r *Reject) Error() string { return string(r.Reason) + ": " + r.Detail }

func reject(r Reason, format string, args ...any) *Reject {
	return &Reject{Reason: r, Detail: fmt.Sprintf(format, args...)}
}
