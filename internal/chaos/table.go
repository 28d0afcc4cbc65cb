package chaos

import "time"

// What several rows aim at.
var (
	allOrderers = []string{"orderer-"}
	allPeers    = []string{"peer-"}
	fabricLinks = []string{linkFabric + "orderer-", linkFabric + "peer-"}
)

// stalls is why orderers may take longer: docs/ARCHITECTURE.md, "Stalled orderers".
const stalls = "an orderer that comes back only in part is found after 30 s without a block, and started again"

// Rows is the fault table.
var Rows = []Row{
	{Number: 1, Name: "ingest killed at any moment", Holds: "every acknowledged message is stored once and has one leaf; replays change nothing",
		Faults: []Fault{{Verb: "kill", On: []string{"ingest-"}}},
		By:     []string{"TestKilledAtEveryStep", "TestKilledAtRandomTimes", "TestKilledBehindItsOwnBroker", "TestStackKill", "TestRecoverAWipedJournal", "TestRecoverAnOlderJournal"}},
	{Number: 2, Name: "broker killed or frozen (it is in ingest's process)", Holds: "trackers come back and send again",
		Faults: []Fault{{Verb: "freeze", On: []string{"ingest-"}, For: 15 * time.Second}, {Verb: "freeze", On: []string{"ingest-"}, For: 45 * time.Second}},
		By:     []string{"TestNothingIsLostOnABadLink", "TestInletEnds", "TestHangingProcessIsRestarted"}},
	{Number: 3, Name: "API killed or ended while it writes", Holds: "a repeated request has one effect; an ordered end lets requests finish",
		Faults: []Fault{{Verb: "kill", On: []string{"api-" + operator}}, {Verb: "term", On: []string{"api-" + operator}}}, Writes: true,
		By: []string{"TestRetryAfterUnknownOutcome", "TestHTTPDrains", "TestKilledBetweenWrites"}},
	{Number: 4, Name: "InfluxDB killed, frozen, away, slow; refusals; its disk full", Holds: "acknowledging goes on; all is stored afterwards; what cannot be stored is set aside alone",
		Faults: []Fault{
			{Verb: "kill", On: []string{"influxdb-" + operator}}, {Verb: "freeze", On: []string{"influxdb-" + operator}, For: 12 * time.Second},
			{Verb: "cut", On: []string{linkInflux}, For: 20 * time.Second}, {Verb: "toxic", On: []string{linkInflux}, Toxic: "latency", Attributes: `"latency": 5000`, For: 15 * time.Second},
		},
		By: []string{"TestInfluxAway", "TestInfluxRefusesOneMessage", "TestFlightsEndInOrder", "TestErrorsSayWhatToDo", "TestStoreDown"}},
	{Number: 5, Name: "leading orderer killed or frozen; one lost; no quorum", Holds: "anchors go on with a new leader, or wait; never two for one head",
		Faults: []Fault{
			{Verb: "kill", On: []string{"leader"}}, {Verb: "freeze", On: []string{"leader"}, For: 15 * time.Second},
			{Verb: "kill", On: allOrderers}, {Verb: "freeze", On: allOrderers, Count: 2, For: 20 * time.Second},
		},
		Bound: 90 * time.Second, Why: stalls, By: []string{"TestStackFaults", "TestStalledNodeIsKilled", "TestLook"}},
	{Number: 6, Name: "endorsing peers lost", Holds: "another organisation endorses; the policy is never weakened; what waits is anchored afterwards",
		Faults: []Fault{
			{Verb: "kill", On: []string{"peer-" + operator}}, {Verb: "kill", On: allPeers, Count: 2}, {Verb: "freeze", On: []string{"peer-" + operator}, For: 15 * time.Second},
			{Verb: "kill", On: allPeers, Count: 4},
		},
		By: []string{"TestStackFaults", "TestAnswerOfALaggingPeer", "TestUnreachableOrganisations"}},
	{Number: 7, Name: "fate of a transaction unknown: connections to the ledger reset at any moment", Holds: "the ledger is asked before anything is submitted again; the same head is answered, another is refused",
		Faults: []Fault{{Verb: "reset", On: fabricLinks, Count: 8, For: 15 * time.Second}},
		By:     []string{"TestCommitUnknownResolves", "TestCancelledSubmitIsUnknownOnceSent", "TestLedgerFaults", "TestExtendAgainWritesNothing", "TestExtendRefusals"}},
	{Number: 8, Name: "chaincode killed in the middle of a call; panic", Holds: "the call fails and changes nothing; it is started again",
		Faults: []Fault{{Verb: "kill", On: []string{"chaincode-"}, Count: 2}, {Verb: "kill", On: []string{"chaincode-"}, Count: 4}},
		By:     []string{"TestAPanicFailsOneCall", "TestHostileArguments", "FuzzRun"}, Not: "out of memory: no process is limited here"},
	{Number: 9, Name: "many writers of one record", Holds: "bounded retries; each lands once",
		By: []string{"TestStackChaincodeFight", "TestReadConflictIsSubmittedAgain", "TestReadConflictsAreBounded", "TestLostRaces", "TestInstancesShareNoKey"}},
	{Number: 10, Name: "a peer behind, or with damaged data", Holds: "it catches up; nobody is answered from behind",
		Faults: []Fault{{Verb: "freeze", On: allPeers, For: 20 * time.Second}},
		By:     []string{"TestRefusalsOfLaggingPeersDoNotCount", "TestOwnWritesAreRead", "TestLagging", "TestPeerIsBehind"}, Not: "a damaged state database: Fabric's own matter"},
	{Number: 11, Name: "partition: ingest from the ledger, the API from InfluxDB, a member's copy from ingest", Holds: "heals by itself; a status never overstates",
		Faults: []Fault{
			{Verb: "cut", On: fabricLinks, Count: 8, For: 20 * time.Second}, {Verb: "cut", On: []string{linkReading}, For: 10 * time.Second},
			{Verb: "cut", On: []string{linkPull}, For: 20 * time.Second},
		},
		By: []string{"TestStoreAndOperatorAway", "TestFollowsTheLedgerAndOutlivesIt"}, Not: "orderers from each other: their addresses are part of the channel"},
	{Number: 12, Name: "bad connections: reset, one byte at a time, 1 KB/s, silent, half open", Holds: "everything has a time limit",
		Faults: []Fault{
			{Verb: "reset", On: []string{linkBroker, linkInflux, linkPull}, Count: 3, For: 10 * time.Second},
			{Verb: "toxic", On: []string{linkBroker, linkInflux}, Toxic: "slicer", Attributes: `"average_size": 1, "size_variation": 0, "delay": 50`, For: 10 * time.Second},
			{Verb: "toxic", On: []string{linkBroker, linkInflux}, Toxic: "bandwidth", Attributes: `"rate": 1`, For: 15 * time.Second},
			{Verb: "hang", On: []string{linkBroker, linkInflux}, Toxic: "timeout", Attributes: `"timeout": 0`, For: 10 * time.Second},
			{Verb: "hang", On: fabricLinks, Count: 8, Toxic: "timeout", Attributes: `"timeout": 0`, For: 10 * time.Second},
		},
		Bound: 60 * time.Second, Why: "who hangs on a connection that answers nothing notices it by a time limit: a tracker after half a minute",
		By: []string{"TestHalfOpenConnectionsAreReplaced", "TestSilentTLSConnectionsEnd", "TestInletLosesPatience", "TestSlowReaders", "TestQueryEndsWithItsCaller"}},
	{Number: 13, Name: "disk full", Holds: "nothing is acknowledged that is not kept; ready again when there is space",
		Faults: []Fault{{Verb: "fill", On: []string{"ingest-"}, For: 12 * time.Second}, {Verb: "fill", On: []string{"influxdb-" + operator}, For: 12 * time.Second}},
		By:     []string{"TestDiskFull", "TestJournalFull", "TestJournalCommitsFail", "TestFullDisk"},
		Not:    "Fabric's disk, and one that becomes read-only"},
	{Number: 14, Name: "bits flipped and files cut: journal, InfluxDB, tracker", Holds: "found and named; nothing wrong is served",
		By: []string{"TestTampering", "TestStoreNamesDamage", "TestStoreSurvivesATornCommit", "TestMutationsNeverPass", "TestMissingAndDamagedLeaves", "TestDamagedStateIsNamed", "TestDamagedFiles", "TestDamage", "TestWhatWasChangedIsNamed", "TestIntact", "TestMend"}},
	{Number: 15, Name: "clocks: trackers days off, 1970, after 2038; tokens at the edge", Holds: "order by sequence; times kept and flagged",
		By:  []string{"TestOddTrackers", "TestUndated", "TestAWrongClockIsLeftBehind", "TestTheTimesOfARecordNeverRunBackwards", "TestAbsurdTransactionTimesAreRefused", "TestClaims", "TestUndatedBreachIsUnknown"},
		Not: "a server's clock stepping: a program cannot be given another clock than the machine's"},
	{Number: 16, Name: "messages doubled, in another order, a month late; two trackers with one identity", Holds: "duplicates change nothing; gaps and forks are flagged",
		Faults: []Fault{{Verb: "attack"}},
		By:     []string{"TestAnyDeliveryAccountsForEveryMessage", "TestFlagsAndAcks", "TestWhatWasForgottenComesBack", "TestIngestAgreesWithWhoLooksLater", "TestOddTrackers"}},
	{Number: 17, Name: "what is no MQTT: garbage, cut and endless CONNECTs, a storm of connections", Holds: "refused; the broker stays up; trackers are served",
		Faults: []Fault{{Verb: "garbage", For: 10 * time.Second}},
		By:     []string{"TestWhatDevicesAreUsedTo", "TestRefusedAtTheDoor", "TestRefusedInWords", "TestGarbageStopsNobody", "TestPubacksToWhoDoesNotRead", "TestFloodAtTheBrokerInside", "TestIdleMemory"}},
	{Number: 18, Name: "payloads that make no sense", Holds: "refused or flagged with a reason; never a panic; no injection",
		By: []string{"TestRefusals", "TestPlainRefusals", "TestFlawsOfSignedMessages", "TestFlawsOfPlainMessages", "FuzzDecode", "FuzzDecodePlain", "FuzzOnePass", "TestHostileParametersStayText", "TestErrorValuesReachNoLedger"}},
	{Number: 19, Name: "forged, cut and exchanged signatures and keys", Holds: "refused, counted, no leaf; all verifiers agree",
		By: []string{"TestStackAttackCommand", "TestForgeriesAreWhatTheyClaim", "TestBatchNamesTheWrongOnes", "TestZIP215SmallOrder", "TestEveryBitCounts", "TestVerifySaysWhatTheProgramSays", "TestWeakKeysAreRefused"}},
	{Number: 20, Name: "replay after a rotation, for another member, on another topic", Holds: "refused, or a duplicate",
		By: []string{"TestStackAttacks", "TestOldKeyAfterARotation", "TestStackAttackCommand"}},
	{Number: 21, Name: "MQTT without the right: others' topics, wills, identities taken over", Holds: "refused",
		By: []string{"TestDevicesUseTheirOwnTopicsOnly", "TestSessionIsTheTrackers", "TestRefusedAtTheDoor", "TestAReplacedSecretShutsTheTrackerOut"}},
	{Number: 22, Name: "tokens of the API: algorithms, keys, claims, size", Holds: "401; nothing is fetched from where a token says",
		By: []string{"TestAttacks", "TestClaims", "TestRemoteKeys", "TestProviderRotates", "FuzzVerify", "TestIssuer"}},
	{Number: 23, Name: "the API's authorisation: others' objects and functions, sizes", Holds: "404, 403, 413, 422 as documented; the document is the router",
		By: []string{"TestAccessMatrix", "TestHostileValues", "TestOpenAPI", "TestBodyLimit", "TestAmbiguousRequests", "TestNarrowedPrincipal", "TestStackAttackAnothersNode"}},
	{Number: 24, Name: "false proofs, forks, changed stores", Holds: "the verifier says which check failed",
		By: []string{"TestAttacks", "TestForgedProofs", "TestLeafAndNodeDiffer", "TestFork", "TestHeadsLogAttacks", "TestTampering", "TestStackEvidence", "TestStackMonitor", "TestTheSuiteBites"}},
	{Number: 25, Name: "one idempotency key again: other bodies, at once, after a crash", Holds: "one effect",
		By: []string{"TestStates", "TestOneOfManyBegins", "TestConcurrentRepeats", "TestRepeatsReplay", "TestRetryAfterUnknownOutcome", "TestInterrupted"}},
	{Number: 26, Name: "streams: slow readers, many, coming back, tokens that end", Holds: "bounded memory; goes on where it was; ends with the token",
		By: []string{"TestStream", "TestStreamLimits", "TestStreamsEndAtStop", "TestAStreamThatComesBack"}, Not: "5,000 readers at once: limits refuse them earlier"},
	{Number: 27, Name: "wrong configuration, taken ports, missing certificates", Holds: "one clear line with the way out; never a silent step back to insecure",
		By:  []string{"TestConfig", "TestUnsafeConfigurations", "TestMissingFilesAreNamed", "TestMistakesInAConfiguration", "TestTakenPort", "TestScripts", "TestRefusesAPlainListenerBeyondLoopback", "TestLostCertificates"},
		Not: "an upgrade from the release before: there is none yet"},
	{Number: 28, Name: "long runs, 100,000 idle trackers", Holds: "flat memory, files and goroutines",
		By: []string{"TestIdleMemory", "TestForget", "TestClosedAndIdleLeaveMemory", "TestBucketsAreForgotten"}, Not: "24 hours at full rate"},
	{Number: 29, Name: "scripts, formulas and headers in names", Holds: "escaped on the page, in PDF and CSV",
		By: []string{"TestHostileReports", "TestCSVIsOneTable", "TestNothingIsRefusedInSilence"}},
	{Number: 30, Name: "launcher: two at once, killed, stale notes, half-made folders; supervisor killed", Holds: "started again it goes on; nobody else's process is touched",
		Faults: []Fault{{Verb: "launcher"}},
		By: []string{"TestOneLauncherAtATime", "TestHoldOfAKilledLauncherIsWaitedFor", "TestNetworkHeals", "TestReusedProcessIDIsNotKilled", "TestHalfMadeDataIsMadeAnew",
			"TestDeletedFolder", "TestMakeIsAllOrNothing", "TestBrokenSettings", "TestWatchersWatchEachOther"}},
}

// Mix is what a run of few minutes takes its faults from: those that find most.
var Mix = Row{Name: "mix", Holds: "all of the table's first rows", Bound: 3 * time.Minute, Why: "a shared machine", Faults: []Fault{
	{Verb: "kill", On: []string{"ingest-"}},
	{Verb: "freeze", On: []string{"ingest-"}, For: 6 * time.Second},
	{Verb: "kill", On: []string{"influxdb-" + operator}},
	{Verb: "kill", On: allPeers, Count: 2},
	{Verb: "kill", On: []string{"leader"}},
	{Verb: "kill", On: []string{"chaincode-"}, Count: 2},
	{Verb: "reset", On: fabricLinks, Count: 8, For: 4 * time.Second},
	{Verb: "cut", On: []string{linkBroker, linkInflux}, For: 5 * time.Second},
	{Verb: "toxic", On: []string{linkBroker, linkInflux}, Toxic: "slicer", Attributes: `"average_size": 1, "size_variation": 0, "delay": 50`, For: 5 * time.Second},
	{Verb: "kill", On: []string{"api-" + operator}},
}}
