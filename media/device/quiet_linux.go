//go:build portaudio && linux

package device

/*
#cgo LDFLAGS: -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>

static void alsa_quiet(const char *file, int line, const char *function, int err, const char *fmt, ...) {}
static void jack_quiet(const char *message) {}

// PortAudio's own tracing cannot be turned off where it was built in, as in Debian's:
// it writes to C's stderr, which may be set (glibc). Go's is not touched by it.
static void portaudio_quiet(void) {
#ifdef __GLIBC__
	static int done;
	if (done) return;
	done = 1;
	FILE *nowhere = fopen("/dev/null", "w");
	if (nowhere != NULL) stderr = nowhere;
#endif
}

// The functions are looked up, not linked: PortAudio may have been built without
// either library.
static void quiet(void) {
	portaudio_quiet();
	void (*alsa)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, "snd_lib_error_set_handler");
	if (alsa != NULL) alsa((void *)alsa_quiet);
	void (*error)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, "jack_set_error_function");
	if (error != NULL) error((void *)jack_quiet);
	void (*info)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, "jack_set_info_function");
	if (info != NULL) info((void *)jack_quiet);
}
*/
import "C"

// quiet keeps ALSA, JACK and PortAudio from writing to stderr what they try and do
// not find: thirty lines for each look at a machine without sound, six for each
// cable pulled. What failed comes back as PortAudio's error all the same.
func quiet() { C.quiet() }
