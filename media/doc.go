// Package media carries sound: RTP sessions with peers, the matrix of who hears
// whom, and one clock that drives them all.
//
// Words: an Engine is the clock and owner of everything here; a Session is all
// media with one peer; a Bridge is a matrix of Slots, and what sits in a slot is
// a Port: a Session, a DevicePort (headset or ring device), a Player (file or
// tone), a Recorder, a Meter. A stranger is a sender that is not our peer. The
// tick is every 20 ms.
//
// Who runs which goroutine: Engine.Run has one goroutine per shard, and no other
// for any number of sessions: a shard walks an absolute-time wheel of slots 2 ms
// apart, and each bridge (or session that is in none) is worked on in its own
// slot of one shard: read sockets, decode, mix, encode, send. A shard that is
// late catches up tick by tick; more than 200 ms late (a laptop slept) it leaves
// ticks out and moves timestamps on. Sockets are read without waiting on the
// session's own tick, so that nobody sleeps on them; only where the system
// cannot (Windows) a goroutine per socket reads into a bounded queue. A Recorder
// has one goroutine that writes to disk, a DevicePort one that supervises
// devices. Engine.Run returns when all of them have ended.
//
// Locks: Bridge.mu, then Session.mu, never the other way round; a session's
// offer and answer are worked on under Session.sig, outside of the tick's lock.
// Events are called after the locks are released. They must only post.
//
// A panic while a session is worked on is recovered: that session stops and says
// so (Failed), the bridge goes on.
//
// Where things are: engine.go and wheel.go the clock; network.go and socket_*.go
// the sockets, portrange.go their numbers (RFC 3550 section 11); session.go and
// negotiate.go the session and its offers (RFC 3264), codecs.go what it can; source.go the source lock
// (RFC 7362 section 4); receive.go, send.go and digits.go packets (RFC 3550
// section 5, RFC 3551 section 4, RFC 4733); statistics.go (RFC 3550 Appendix A.3
// and A.8) and rtcp.go (section 6); stats.go what is told of it, mos.go ITU-T
// G.107 made short; bridge.go, device.go, player.go, recorder.go, meter.go the
// ports.
//
// Outside: pion/rtp and pion/rtcp read and write packets (fuzzed, and WebRTC
// comes in over them later), x/sys reads sockets with arrival times.
package media
