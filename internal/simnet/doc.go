// Package simnet is a network in memory for tests: hosts with IPv4 and IPv6
// addresses, UDP sockets, TCP-like connections, and links with latency, jitter,
// loss, duplication, reordering and partitions.
//
// Words: a Host has addresses, which may come and go, and is what a program under
// test gets as its network; a Link is what lies between two hosts, in one direction; to tap is to
// see each packet as it is sent.
//
// Time is the runtime's, so that inside a testing/synctest bubble everything
// happens in virtual time, and only timers, mutexes and conditions are used.
// What is due at the same instant is delivered in the order of its sending. With
// the same seed the same packets are lost, unless the program under test itself
// sends in another order.
//
// Goroutines: none that stay. One timer at a time delivers what is due, on the
// timer's goroutine; Tap functions run on the goroutine that sends and must be
// quick. Everything may be called from any goroutine. Close the Net at the end
// of a test: all that block in it return net.ErrClosed.
//
// What is left out on purpose: ICMP (a datagram to a port that nobody has is
// lost in silence), congestion, and loss on connections, which is retransmitted
// below what is seen here. Standard library only.
package simnet
