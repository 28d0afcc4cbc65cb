package scenario

// Progress is told how far a phase is; total 0 means unknown.
type Progress interface {
	Phase(name string, total int)
	Set(done int)
}

// Quiet is a Progress that tells nobody.
type Quiet struct{}

// Phase does nothing.
func (Quiet) Phase(string, int) {}

// Set does nothing.
func (Quiet) Set(int) {}
