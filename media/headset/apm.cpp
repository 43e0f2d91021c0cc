//go:build apm

#include "apm.h"

#include <webrtc/common.h>
#include <webrtc/modules/audio_processing/include/audio_processing.h>
#include <webrtc/modules/interface/module_common_types.h>

#include <cstring>
#include <memory>
#include <new>

using webrtc::AudioProcessing;

struct ringback_apm {
  std::unique_ptr<AudioProcessing> apm;
  webrtc::AudioFrame frame;
  int rate;
  bool echo;
};

namespace {

// The library works on 10 ms at a time.
int each_half(ringback_apm *a, const int16_t *in, int16_t *out, int (AudioProcessing::*work)(webrtc::AudioFrame *)) {
  const int n = a->rate / 100;
  for (int half = 0; half < 2; half++) {
    std::memcpy(a->frame.data_, in + half * n, n * sizeof(int16_t));
    if (a->echo && out) {
      a->apm->set_stream_delay_ms(0);  // the true delay is found by the library itself
    }
    if (int err = (a->apm.get()->*work)(&a->frame)) {
      return err;
    }
    if (out) {
      std::memcpy(out + half * n, a->frame.data_, n * sizeof(int16_t));
    }
  }
  return 0;
}

}  // namespace

ringback_apm *ringback_apm_new(int rate, int echo, int suppression, int gain) {
  webrtc::Config config;
  config.Set<webrtc::ExtendedFilter>(new webrtc::ExtendedFilter(true));
  config.Set<webrtc::DelayAgnostic>(new webrtc::DelayAgnostic(true));
  std::unique_ptr<ringback_apm> a(new (std::nothrow) ringback_apm);
  if (!a) {
    return nullptr;
  }
  a->apm.reset(AudioProcessing::Create(config));
  a->rate = rate;
  a->echo = echo != 0;
  a->frame.sample_rate_hz_ = rate;
  a->frame.num_channels_ = 1;
  a->frame.samples_per_channel_ = rate / 100;
  if (!a->apm || a->apm->Initialize(rate, rate, rate, AudioProcessing::kMono, AudioProcessing::kMono, AudioProcessing::kMono)) {
    return nullptr;
  }
  int err = 0;
  if (a->echo) {
    err |= a->apm->echo_cancellation()->enable_drift_compensation(false);
    err |= a->apm->echo_cancellation()->set_suppression_level(webrtc::EchoCancellation::kHighSuppression);
    err |= a->apm->echo_cancellation()->Enable(true);
  }
  if (suppression >= 0) {
    err |= a->apm->noise_suppression()->set_level(static_cast<webrtc::NoiseSuppression::Level>(suppression));
    err |= a->apm->noise_suppression()->Enable(true);
  }
  if (gain) {
    err |= a->apm->gain_control()->set_mode(webrtc::GainControl::kAdaptiveDigital);
    err |= a->apm->gain_control()->Enable(true);
  }
  return err ? nullptr : a.release();
}

int ringback_apm_capture(ringback_apm *a, int16_t *frame) {
  return each_half(a, frame, frame, static_cast<int (AudioProcessing::*)(webrtc::AudioFrame *)>(&AudioProcessing::ProcessStream));
}

int ringback_apm_render(ringback_apm *a, const int16_t *frame) {
  return each_half(a, frame, nullptr,
                   static_cast<int (AudioProcessing::*)(webrtc::AudioFrame *)>(&AudioProcessing::ProcessReverseStream));
}

void ringback_apm_free(ringback_apm *a) { delete a; }
