#!/usr/bin/env python3
"""Sends behaviours to pageheat over HTTP: one per line of standard input.

    printf 'page37|5|1.5|1\n' | python3 send.py https://heat.example/api/v1/behaviours
"""
import itertools
import json
import sys
import time
import urllib.error
import urllib.request

BATCH = 100  # behaviours in a request; --collect-burst is the maximum
ATTEMPTS = 20


def post(url, body):
    """Returns the status, the time to wait before another attempt, and the answer."""
    request = urllib.request.Request(url, body, {"Content-Type": "text/plain"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, 0, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, int(refused.headers.get("Retry-After", 1)), json.load(refused)


def send(url, lines):
    body = "\n".join(lines).encode()
    for _ in range(ATTEMPTS):
        status, wait, answer = post(url, body)
        if status == 202:
            return
        if status == 400 and "refused" in answer:  # the valid ones are kept
            for one in answer["refused"]:
                print(f"refused: {lines[one['line'] - 1]!r}: {one['detail']}", file=sys.stderr)
            return
        if status not in (429, 503):
            break
        time.sleep(wait)
    sys.exit(f"{status}: {answer['detail']}")


def main():
    lines = (line.rstrip("\n") for line in sys.stdin)
    while batch := list(itertools.islice(lines, BATCH)):
        send(sys.argv[1], batch)


main()
