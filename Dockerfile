# submeter as a container: one static binary on nothing. Wants BuildKit, Docker's builder since version 23.
#
#   docker build -t submeter .
#   docker run --rm -p 4010:4010 submeter
#   docker run --rm -p 4010:4010 -v worlds:/data --read-only submeter serve --data /data/world.db
#
# Every flag of `submeter serve` can be given as an argument or as its environment variable. The health check asks the
# port that SUBMETER_PORT names, so move the port with the variable, not with the flag.

# Compiles on the builder's own platform, for whichever is asked for: no emulation.
FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
ARG TARGETOS TARGETARCH VERSION
RUN --mount=type=bind,target=. \
    --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/submeter ./cmd/submeter
# What nothing has: trusted certificates, for callbacks to https, and two folders that any user may write to. Worlds
# without --data live in /tmp, which is no part of a read-only root.
RUN mkdir -p /out/etc/ssl/certs \
    && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ \
    && mkdir -m 1777 /out/tmp /out/data

FROM scratch
COPY --from=build /out/ /
COPY LICENSE /
USER 65532:65532
ENV SUBMETER_HOST=0.0.0.0 SUBMETER_PORT=4010
EXPOSE 4010
VOLUME ["/tmp", "/data"]
# A start period longer than any start costs nothing: the first good answer ends it.
HEALTHCHECK --interval=2s --timeout=5s --start-period=60s --retries=3 CMD ["/submeter", "healthcheck"]
LABEL org.opencontainers.image.title="submeter" \
      org.opencontainers.image.description="A local, stateful emulator of usage-metering APIs" \
      org.opencontainers.image.licenses="Apache-2.0"
ENTRYPOINT ["/submeter"]
CMD ["serve"]
