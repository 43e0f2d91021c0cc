package sdp

// Local is what this side has said in one session: the o= line with its version
// that rises by one only with a change (RFC 3264 section 8), the m= lines whose
// number never falls, and which codec each of its payload types has meant
// (section 8.3.2). One for each media session, from its first offer or answer to
// its end.
type Local struct {
	id uint64
}

// NewLocal returns the state of a session that has said nothing yet. id goes
// into the o= line; 0 draws one.
func NewLocal(id uint64) *Local { return &Local{id: id} }
