package ledger

import (
	"regexp"
	"strings"

	"github.com/trackseal/trackseal/internal/telemetry"
)

var excursionID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:@+/-]{0,199}$`)
var ruleSetRef = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}@[1-9][0-9]{0,8}$`)

func (a EnrolArgs) Validate() error {
	if err := first(checkID("id", a.ID), checkText("model", a.Model, 0, 128), checkSensors(a.Sensors), maybeMSP("operator", a.Operator)); err != nil {
		return err
	}
	if err := first(maybeRef("profile", a.Profile), checkGateway(a.ID, a.Gateway, a.Device), checkCertificates(a.Certificates)); err != nil {
		return err
	}
	switch {
	case a.SecretHash != "" && len(a.Certificates) > 0:
		return invalid("certificates are of a key: a tracker that cannot sign has none")
	case a.SecretHash == "" && a.Profile != "":
		return invalid("profile: a tracker with a key sends signed messages, which no profile reads")
	case a.Gateway != "" && len(a.Certificates) > 0:
		return invalid("certificates: the gateway holds the key, so they attest nothing of the device")
	}
	if a.SecretHash != "" {
		if a.Alg != 0 || a.Public != "" || a.Proof != "" {
			return invalid("give either secret_hash or a key (alg, public, proof), not both")
		}
		return checkHash("secret_hash", a.SecretHash)
	}
	return first(checkAlg(a.Alg), checkHex("public", a.Public, 32, 65), checkHex("proof", a.Proof, 64, 64))
}

func (a RotateArgs) Validate() error {
	if a.SecretHash != "" {
		if a.Alg != 0 || a.Public != "" || a.Proof != "" || a.Old != "" || a.Lost || len(a.Certificates) > 0 {
			return invalid("give either secret_hash or a key (alg, public, proof, old or lost, certificates), not both")
		}
		return first(checkID("id", a.ID), checkHash("secret_hash", a.SecretHash))
	}
	err := first(checkID("id", a.ID), checkAlg(a.Alg), checkHex("public", a.Public, 32, 65), checkHex("proof", a.Proof, 64, 64), checkCertificates(a.Certificates))
	switch {
	case err != nil:
		return err
	case a.Lost && a.Old != "":
		return invalid("give either old or lost, not both")
	case a.Lost:
		return nil
	}
	return checkHex("old", a.Old, 64, 64)
}

func (a RevokeArgs) Validate() error {
	return first(checkID("id", a.ID), checkText("cause", a.Cause, 1, 256))
}

func (a CalibrateArgs) Validate() error {
	err := first(checkID("id", a.ID), checkText("ref", a.Ref, 1, 512), checkHash("hash", a.Hash),
		checkTime("valid_from_ms", a.ValidFromMS, false), checkTime("valid_to_ms", a.ValidToMS, false))
	if err == nil && a.ValidToMS <= a.ValidFromMS {
		return invalid("valid_to_ms must be after valid_from_ms")
	}
	return err
}

func (a ServeArgs) Validate() error {
	return first(checkID("id", a.ID), maybeMSP("operator", a.Operator))
}

func maybeMSP(member, msp string) error {
	if msp == "" {
		return nil
	}
	return checkID(member, msp)
}

func (a SensorsArgs) Validate() error {
	return first(checkID("id", a.ID), checkSensors(a.Sensors))
}

func checkSensors(list []telemetry.Sensor) error {
	if err := telemetry.CheckSensors(list); err != nil {
		return invalid("%v", err)
	}
	return nil
}

func (a IDArgs) Validate() error { return checkID("id", a.ID) }

func (a TrackerArgs) Validate() error {
	if a.Shipment == "" {
		return checkID("id", a.ID)
	}
	return first(checkID("id", a.ID), checkID("shipment", a.Shipment))
}
func (a OpinionArgs) Validate() error { return first(checkID("id", a.ID), checkID("by", a.By)) }

// Validate checks limit only; ID means something else in each listing.
func (a ListArgs) Validate() error {
	if a.Limit < 0 || a.Limit > MaxLimit {
		return invalid("limit must be 1 to %d, not %d", MaxLimit, a.Limit)
	}
	return nil
}

func (a CreateArgs) Validate() error {
	err := first(checkID("id", a.ID), checkHash("rule_set_hash", a.RuleSetHash), checkDetails(a.Details))
	if err != nil {
		return err
	}
	return first(checkRef("rule_set", a.RuleSet), a.Parties.validate(), a.validateCarried(), checkTime("deliver_by_ms", a.DeliverByMS, true), a.validateRelease())
}

func (a CreateArgs) validateRelease() error {
	if n := len(a.Parties.MSPs()); a.Release != nil && (a.Release.ConfirmedBy < 1 || a.Release.ConfirmedBy > n) {
		return invalid("release.confirmed_by must be 1 to the number of the parties, %d, not %d", n, a.Release.ConfirmedBy)
	}
	return nil
}

func (a AssignArgs) Validate() error {
	err := first(checkID("shipment", a.Shipment), checkID("tracker", a.Tracker), checkTime("from_ms", a.FromMS, true), checkTime("to_ms", a.ToMS, true))
	if err == nil && a.ToMS != 0 && (a.FromMS == 0 || a.ToMS <= a.FromMS) {
		return invalid("to_ms is for a recorded trip: it needs from_ms, and must be after it")
	}
	return err
}

func (a UnassignArgs) Validate() error {
	return first(checkID("shipment", a.Shipment), checkID("tracker", a.Tracker))
}

func (a ProposeArgs) Validate() error {
	return first(checkID("id", a.ID), checkID("to", a.To), checkHeads(a.Heads), checkDetails(a.Details), checkTime("stated_ms", a.StatedMS, true))
}

func (a StatedArgs) Validate() error {
	return first(checkID("id", a.ID), checkTime("stated_ms", a.StatedMS, true))
}

func (a RejectArgs) Validate() error {
	return first(checkID("id", a.ID), checkHash("details", a.Details))
}

func (a ExtendArgs) Validate() error {
	err := first(checkHash("heads", a.Heads), checkID("ingest", a.Ingest), checkHash("new_root", a.NewRoot),
		checkTime("time_ms", a.TimeMS, false))
	switch {
	case err != nil:
		return err
	case a.NewSize == 0 || a.NewSize > maxNumber:
		return invalid("new_size is out of range")
	case a.OldSize > maxNumber:
		return invalid("old_size is out of range")
	case a.Epoch > maxNumber:
		return invalid("epoch is out of range")
	}
	return checkProof("proof", a.Proof)
}

func (a RetireArgs) Validate() error { return checkID("ingest", a.Ingest) }

func checkProof(member string, proof []string) error {
	if len(proof) > MaxProof {
		return invalid("%s: %d hashes given, at most %d are accepted", member, len(proof), MaxProof)
	}
	for _, h := range proof {
		if err := checkHash(member, h); err != nil {
			return err
		}
	}
	return nil
}

// Validate leaves the members of the end and the closing alone: they are ignored.
func (a OpenArgs) Validate() error {
	e := Excursion(a)
	if strings.HasPrefix(e.ID, breachPrefix) {
		return invalid("id: those that begin with %s are given by compliance:Breach", breachPrefix)
	}
	return first(e.validateID(), checkText("rule", e.Rule, 1, 64), checkText("metric", e.Metric, 1, 64),
		checkTime("start_ms", e.StartMS, false), checkDecimal("peak", e.Peak), checkDecimal("limit", e.Limit),
		checkHash("rule_hash", e.RuleHash), checkLogs(e.Logs))
}

func (a EndArgs) Validate() error {
	e := Excursion(a)
	return first(e.validateID(), checkTime("end_ms", e.EndMS, false), checkDecimal("peak", e.Peak), checkLogs(e.Logs))
}

func (e Excursion) validateID() error {
	if !excursionID.MatchString(e.ID) {
		return invalid("id of the excursion must be 1 to 200 of A-Z a-z 0-9 . _ : @ + / - and start with a letter or digit")
	}
	return checkID("shipment", e.Shipment)
}

// Results of a verdict.
const (
	Compliant    = "compliant"
	NonCompliant = "non_compliant"
	Inconclusive = "inconclusive"
)

func (v Verdict) Validate() error {
	err := first(checkID("shipment", v.Shipment), checkTime("to_ms", v.ToMS, true), checkHash("rule_hash", v.RuleHash))
	if err == nil && (len(v.Logs) > 0 || v.Result != Inconclusive) {
		err = checkLogs(v.Logs) // only "no data yet" is judged without a log
	}
	switch {
	case err != nil:
		return err
	case v.Revision < 1 || v.Revision > maxRevision:
		return invalid("revision must be 1 or more")
	case v.Supersedes != v.Revision-1:
		return invalid("supersedes must be revision - 1")
	case v.Result != Compliant && v.Result != NonCompliant && v.Result != Inconclusive:
		return invalid("result must be compliant, non_compliant or inconclusive, not %.40q", v.Result)
	case len(v.Reasons) > MaxReasons:
		return invalid("reasons: %d given, at most %d are accepted", len(v.Reasons), MaxReasons)
	case len(v.Detail) > MaxDetail:
		return invalid("detail is larger than %d bytes", MaxDetail)
	}
	if _, err := v.Budget(); err != nil {
		return err
	}
	for _, r := range v.Reasons {
		if err := checkText("reasons", r, 1, 512); err != nil {
			return err
		}
	}
	return nil
}

const maxRevision = 1_000_000_000
