# syntax=docker/dockerfile:1
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/pageheat ./cmd/pageheat

# For health checks alone: the final image has no shell and no other program.
FROM busybox:1.37-musl AS busybox

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=busybox /bin/wget /usr/bin/wget
COPY --from=build /out/pageheat /usr/bin/pageheat
USER nonroot
EXPOSE 8080
ENTRYPOINT ["/usr/bin/pageheat"]
CMD ["--help"]
