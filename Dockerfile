# syntax=docker/dockerfile:1
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
# With -buildvcs=true the build fails where it cannot find out version and commit.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -buildvcs=true -ldflags="-s -w" -o /out/pageheat ./cmd/pageheat

# No shell, no package manager; CA certificates, time zones and the user nonroot (65532).
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/pageheat /usr/bin/pageheat
USER 65532:65532
EXPOSE 8080 8081
# The root file system can be read-only: pageheat writes only to --store-dir and --data.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/usr/bin/pageheat", "healthcheck"]
ENTRYPOINT ["/usr/bin/pageheat"]
CMD ["--help"]
