package sdp

import "fmt"

// Direction is who may send on a stream, seen from the side that says it
// (RFC 3264 section 5.1). The zero value is Inactive.
type Direction uint8

// The four directions: bit 0 is send, bit 1 is receive.
const (
	Inactive Direction = 0
	SendOnly Direction = 1
	RecvOnly Direction = 2
	SendRecv Direction = 3
)

// ParseDirection reads the name of the SDP attribute.
func ParseDirection(name string) (Direction, error) {
	for d := Inactive; d <= SendRecv; d++ {
		if d.String() == name {
			return d, nil
		}
	}
	return Inactive, fmt.Errorf("parse direction %q: use sendrecv, sendonly, recvonly or inactive", name)
}

// String is the SDP attribute's name.
func (d Direction) String() string {
	return [...]string{"inactive", "sendonly", "recvonly", "sendrecv"}[d&SendRecv]
}

// Sends says that the side which said d sends.
func (d Direction) Sends() bool { return d&SendOnly != 0 }

// Receives says that the side which said d receives.
func (d Direction) Receives() bool { return d&RecvOnly != 0 }

// Reverse is the same stream seen from the other side.
func (d Direction) Reverse() Direction { return d&SendOnly<<1 | d&RecvOnly>>1 }

// Intersect is what both allow, seen from the same side.
func (d Direction) Intersect(other Direction) Direction { return d & other & SendRecv }
