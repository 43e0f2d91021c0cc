//go:build portaudio && linux

package device

/*
#cgo LDFLAGS: -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

static void alsa_quiet(const char *file, int line, const char *function, int err, const char *fmt, ...) {}
static void jack_quiet(const char *message) {}

// The functions are looked up, not linked: PortAudio may have been built without
// either library.
static void quiet(void) {
	void (*alsa)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, "snd_lib_error_set_handler");
	if (alsa != NULL) alsa((void *)alsa_quiet);
	void (*error)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, "jack_set_error_function");
	if (error != NULL) error((void *)jack_quiet);
	void (*info)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, "jack_set_info_function");
	if (info != NULL) info((void *)jack_quiet);
}
*/
import "C"

// quiet keeps ALSA and JACK from writing to stderr what they try and do not find:
// thirty lines for each look at a machine without sound. What failed comes back
// as PortAudio's error all the same.
func quiet() { C.quiet() }
