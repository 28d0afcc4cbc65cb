package stored

// Head is an anchored head of a log, with its place in the heads log.
type Head struct {
	Heads, Log  string // hex
	Index, Size uint64
	Root        string
	Prev        int64 // -1 = the log's first
	Closed      bool
	Entry       []byte
	HeadsSize   uint64
	HeadsRoot   string
	Tx          string
	Block       uint64
	Proof       [][32]byte // of Index in HeadsSize
	TimeMS      int64
}
