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
// slot of one shard: read sockets, decode, mix, encode, send. A bridge whose
// ports all rest (a phone without a call) leaves the wheel after a second, and
// comes back when one of them does something. A shard that is late catches up
// tick by tick; more than 200 ms late (a laptop slept) it leaves ticks out and
// moves timestamps on. Sockets are read without waiting on the session's own
// tick, so that nobody sleeps on them; only where the system cannot (Windows) a
// goroutine per socket reads into a bounded queue. A Recorder
// has one goroutine that writes to disk, a file that is played one that reads ahead, a DTLS association one and those of pion, a DevicePort one that supervises
// devices. Engine.Run returns when all of them have ended, but for those of files: a disk
// that does not answer is given up after 2 s.
//
// Locks: Bridge.mu, then Session.mu, never the other way round; a session's
// offer and answer are worked on under Session.sig, outside of the tick's lock.
// Events are called after the locks are released. They must only post.
//
// A panic while a session is worked on is recovered: that session stops and says
// so (Failed), the bridge goes on.
//
// Where things are: engine.go and wheel.go the clock; network.go and socket_*.go
// the sockets, portrange.go their numbers (RFC 3550 section 11); alone.go a session's tick; session.go and
// negotiate.go the session and its offers (RFC 3264), codecs.go what it can (a codec that
// this build cannot send is offered only where we only listen); source.go the source lock
// (RFC 7362 section 4); receive.go, playout.go (from the jitter buffer to
// frames), send.go and digits.go packets (RFC 3550
// section 5, RFC 3551 section 4, RFC 4733); statistics.go (RFC 3550 Appendix A.3
// and A.8) and rtcp.go (section 6); srtp.go encryption (RFC 3711, RFC 7714), path.go the way to a peer with ICE (media/ice) and path_lost.go its end,
// detour.go that through a TURN server, dtls.go and dtls_conn.go the
// handshake for its keys (RFC 5764; those in SDP are media/sdp's), fork.go those of far ends that may be come back to; losses.go and metrics.go the VoIP metrics of RTCP XR (RFC 3611
// section 4.7; sent unasked, since who does not know it passes it over), mos.go the
// E-model (ITU-T G.107, and G.107.1 for wide-band codecs); stats.go what is told of it, comfort.go
// pauses (RFC 3389), announcement.go what a session in no bridge says (encoded once for all that
// say it), unheard.go what comes where nobody hears it, trouble.go what is wrong, in
// words, loudness.go when a level is; bridge.go, device.go (device_way.go its ways
// from and to a device, elastic.go the ring of each, whose two clocks are not the same, beat.go the pace of either side), player.go (stream.go files that are
// read as they are heard), recorder.go, meter.go the
// ports.
//
// Outside: pion/rtp and pion/rtcp read and write packets (fuzzed, and WebRTC's
// as well); pion/srtp protects them, without an allocation for a
// packet (the window against replays and the bound on SSRCs are ours to set);
// pion/dtls shakes hands for its keys, and pion/logging keeps it from writing to
// stderr; pion/transport has the read deadline of the connection that it stands on; x/sys reads sockets with arrival times.
package media
