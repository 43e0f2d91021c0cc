# Two images of the same phone.
#   docker build --target headless -t ringback:headless .   static, no audio device: tests, load, CI
#   docker build --target desk -t ringback:desk .           with PortAudio, for a desk with a headset
# With a headset: docker run --network host --device /dev/snd --group-add audio ringback:desk agent …
FROM golang:1.26-bookworm AS source
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY sip sip
COPY media media
COPY dtmf dtmf
COPY agent agent
COPY internal internal

FROM source AS build-headless
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /out/ringback ./cmd/ringback \
 && install -d -m 0700 -o 65532 -g 65532 /out/home

FROM scratch AS headless
COPY --from=source /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=source /usr/share/zoneinfo /usr/share/zoneinfo
COPY --from=build-headless /out/ringback /usr/bin/ringback
COPY --from=build-headless --chown=65532:65532 /out/home /home/ringback
ENV HOME=/home/ringback XDG_RUNTIME_DIR=/home/ringback
USER 65532:65532
ENTRYPOINT ["/usr/bin/ringback"]

FROM source AS build-desk
RUN apt-get update && apt-get install -y --no-install-recommends portaudio19-dev pkg-config \
 && CGO_ENABLED=1 go build -tags portaudio -trimpath -ldflags "-s -w" -o /out/ringback ./cmd/ringback

FROM debian:bookworm-slim AS desk
RUN apt-get update \
 && apt-get install -y --no-install-recommends libportaudio2 libasound2-plugins ca-certificates tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 65532 --create-home --groups audio ringback \
 && install -d -m 0700 -o ringback -g ringback /run/ringback
COPY --from=build-desk /out/ringback /usr/bin/ringback
ENV XDG_RUNTIME_DIR=/run/ringback
USER ringback
ENTRYPOINT ["/usr/bin/ringback"]
