# submeter as a container: one static binary on nothing.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
ARG TARGETOS TARGETARCH
RUN CGO_ENABLED=0 GOOS=${TARGETOS:-linux} GOARCH=${TARGETARCH:-amd64} \
    go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/submeter ./cmd/submeter
# Folders that a non-root user may write to: worlds without --data live in /tmp, durable ones in /data.
RUN mkdir -p /out/tmp /out/data && chmod 1777 /out/tmp && chown 65532:65532 /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/submeter /submeter
COPY --from=build --chown=65532:65532 /out/tmp /tmp
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
ENV SUBMETER_HOST=0.0.0.0 SUBMETER_PORT=4010
EXPOSE 4010
VOLUME ["/tmp", "/data"]
HEALTHCHECK --interval=2s --timeout=2s --start-period=5s --retries=3 CMD ["/submeter", "healthcheck"]
ENTRYPOINT ["/submeter"]
CMD ["serve"]
