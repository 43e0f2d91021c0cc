// Package asterisk runs a real Asterisk for the interop tests, from the root
// folder that testdata/asterisk/install made, with the configuration in
// testdata/asterisk/etc: the same that the container image there uses.
//
// Each PBX has a loopback address of its own and a folder of its own inside the
// root folder, so several run side by side without fixed ports.
//
// Goroutines: Start starts one that reads Asterisk's console; Stop and Kill end
// it and wait. All methods may be called from any goroutine.
package asterisk
