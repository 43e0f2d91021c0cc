// Package crash holds that nothing is lost when the phone is killed. Its tests run
// the agent as a process of its own against the lab, kill it with SIGKILL at every
// commit point that the code names, before and after the commit, and at random
// times of random days, and start it again. Afterwards each callback is in exactly
// one place, what was acknowledged is there, each report arrived at least once and
// in order, and no contact was dialled more often than the agent asked for.
//
// Words: a round is one life of the agent's process; a point is the name of a
// commit (store.UpdateNamed); a witness keeps what the agent acknowledged.
//
// Who runs which goroutine: the tests are one goroutine beside the lab's; the
// child is this test's own binary, started with the variable RINGBACK_CRASH.
package crash
