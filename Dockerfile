# Two images of the same phone.
#   docker build --target headless -t ringback:headless .   static, with Opus, no audio device: tests, load, CI
#   docker build --target desk -t ringback:desk .           with PortAudio and Opus, for a desk with a headset
# With a headset of ALSA's:
#   docker run --network host --device /dev/snd --group-add "$(stat -c %g /dev/snd/timer)" ringback:desk agent …
# With one of PulseAudio's or PipeWire's, as the user whose it is:
#   docker run --network host --user "$(id -u):$(id -g)" -e HOME=/tmp -e XDG_RUNTIME_DIR=/tmp -e PULSE_SERVER=unix:/pulse \
#     -v "$XDG_RUNTIME_DIR/pulse/native:/pulse" ringback:desk agent --audio portaudio:pulse …
# Both images run with --read-only: an agent writes its control socket and its counters into the volume /home/ringback.
FROM golang:1.26-bookworm AS modules
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download

FROM modules AS source
COPY cmd cmd
COPY sip sip
COPY media media
COPY dtmf dtmf
COPY agent agent
COPY internal internal

FROM modules AS build-headless
RUN apt-get update && apt-get install -y --no-install-recommends libopus-dev gcc libc6-dev pkg-config ca-certificates tzdata
COPY --from=source /src .
COPY .ci/headless .ci/headless
# What `ringback version` says: --build-arg VERSION=$(git describe --tags --always)
ARG VERSION=devel
RUN VERSION="$VERSION" .ci/headless /out

FROM scratch AS headless
COPY --from=build-headless /out/etc /etc
COPY --from=build-headless /out/usr /usr
# The folder above it is copied, so that /home/ringback keeps its mode.
COPY --from=build-headless --chown=65532:65532 /out/home /home
ENV PATH=/usr/bin HOME=/home/ringback XDG_RUNTIME_DIR=/home/ringback
VOLUME /home/ringback
USER 65532:65532
ENTRYPOINT ["/usr/bin/ringback"]

FROM modules AS build-desk
RUN apt-get update && apt-get install -y --no-install-recommends portaudio19-dev libopus-dev libwebrtc-audio-processing-dev g++ pkg-config
# ALSA's door to PulseAudio alone: the rest of its package brings 350 MB of video codecs.
WORKDIR /plugins
RUN apt-get download libasound2-plugins && dpkg-deb -x libasound2-plugins_*.deb . \
 && install -d /out/root/etc/alsa/conf.d \
 && cp usr/share/alsa/alsa.conf.d/50-pulseaudio.conf /out/root/etc/alsa/conf.d \
 && cp --parents usr/lib/*/alsa-lib/libasound_module_*_pulse.so /out/root
WORKDIR /src
COPY --from=source /src .
ARG VERSION=devel
RUN CGO_ENABLED=1 go build -tags portaudio,opus,nolibopusfile,apm -trimpath -ldflags "-s -w -X main.version=$VERSION" \
    -o /out/root/usr/bin/ringback ./cmd/ringback

FROM debian:bookworm-slim AS desk
RUN apt-get update \
 && apt-get install -y --no-install-recommends libportaudio2 libopus0 libwebrtc-audio-processing1 libpulse0 ca-certificates tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 65532 ringback \
 && useradd --uid 65532 --gid ringback --groups audio --home-dir /home/ringback ringback \
 && install -d -m 0700 -o ringback -g ringback /home/ringback
COPY --from=build-desk /out/root /
ENV HOME=/home/ringback XDG_RUNTIME_DIR=/home/ringback
VOLUME /home/ringback
# Without its group here, so that the group audio counts.
USER 65532
ENTRYPOINT ["/usr/bin/ringback"]
