#!/usr/bin/env python3
"""Posts which page is the hottest, and which ones rise.

  bot.py BROKERS [TOPIC [WEBHOOK]]

Each post is a line on standard output, or {"text": POST} sent to the webhook, as chat programs take it.
The bot goes on where it stopped: the consumer group keeps its offset. kcat stores the offset of what it
has handed over, so an event may come twice after a crash. Its id is the same then.
"""

import collections
import json
import subprocess
import sys
import urllib.request

GROUP = "pageheat-bot"


def post(event):
    """Returns the post of an event, or None."""
    page, board = event.get("title") or event["page"], event["board"]
    url = event.get("url", "")
    link = " " + url if url.startswith(("http://", "https://")) else ""
    if event["event"] == "took-rank-1":
        leader = event["previous_leader"]
        return f"{page} is the hottest page of {board} now" + (f", ahead of {leader}" if leader else "") + link
    if event["event"] == "rose":
        return f"{page} rose {event['places']} places to number {event['rank']} of {board}" + link
    return None  # pages that enter and leave are too many for a chat


def send(text, webhook):
    if not webhook:
        print(text, flush=True)
        return
    request = urllib.request.Request(webhook, json.dumps({"text": text}).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=10).close()


def main(brokers, topic="pageheat-events", webhook=None):
    seen = collections.OrderedDict()  # the last ids
    kcat = ["kcat", "-b", brokers, "-q", "-u", "-X", "isolation.level=read_committed", "-X", "auto.offset.reset=earliest", "-G", GROUP, topic]
    with subprocess.Popen(kcat, stdout=subprocess.PIPE, text=True, encoding="utf-8") as reader:
        for line in reader.stdout:
            event = json.loads(line)
            if event["id"] in seen:
                continue
            seen[event["id"]] = None
            if len(seen) > 10_000:
                seen.popitem(last=False)
            text = post(event)
            if text:
                send(text, webhook)
    sys.exit(reader.returncode)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
