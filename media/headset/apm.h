// What processor.go needs of webrtc-audio-processing, as C.
#pragma once
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef struct ringback_apm ringback_apm;
// suppression: -1 none, else 0 low to 3 very high. NULL when it cannot be made.
ringback_apm *ringback_apm_new(int rate, int echo, int suppression, int gain);
// 20 ms of mono at the rate, in place; 0 or the library's error.
int ringback_apm_capture(ringback_apm *a, int16_t *frame);
int ringback_apm_render(ringback_apm *a, const int16_t *frame);
void ringback_apm_free(ringback_apm *a);
#ifdef __cplusplus
}
#endif
