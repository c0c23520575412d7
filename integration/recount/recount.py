#!/usr/bin/env python3
"""Counts boards of the last hours, of what is trending, and of days, from behaviours with timestamps.

This is a second implementation, to check the first one: it is written from docs/boards.md, keeps every
behaviour, and calculates with whole numbers of any size. Each line of standard input is a JSON object,

    {"definition": {"kind": "window", "window": 60, "step": 5, "size": 10,
                    "weights": ["0.8", "0.8", "1"], ...},
     "behaviours": [["page", milliseconds, clicks, minutes in units of 10^-9, like], ...],
     "as_of": [minute, ...]}

with durations in minutes and times in minutes since 1970. With "forgotten": {SHA-256 of a page: {"blocked":
false, "to": [offset, ...]}, ...} each behaviour has a partition and an offset of the input after the like, and
those at offsets up to that of their partition do not count, nor any of a page that is blocked. With "sweeps":
[{"partitions": 3, "partition": 0, "before": day since 1970, "from": [offset, ...], "to": [offset, ...]}, ...] in
their order, the pages that these drop begin again after each. For each it prints a line with a JSON array:
for each time the pages of the board in order, each with rank, page, heat, clicks, minutes, likes and
behaviours. With "groups": true, it is for each time the pages of the boards of groups in order, each with
its group first. It only needs Python 3.9.
"""
import datetime
import functools
import hashlib
import json
import re
import sys
import zoneinfo
from fractions import Fraction

LAST_MINUTE = 4_222_846_079  # of the year 9998
ENDS_OF_PATHS = ("events", "feed.atom", "feed.rss", "list.html")


@functools.cache
def rate(j, m):
    """2^(j/m) x 2^40, rounded: the whole number r with (2r-1)^m < 2^(41m+j) < (2r+1)^m."""
    if j == 0:
        return 2**40
    low, high = 2**40, 2**41
    while high - low > 1:
        middle = (low + high) // 2
        if (2 * middle - 1) ** m < 2 ** (41 * m + j):
            low = middle
        else:
            high = middle
    return low


def minute_of(millis):
    """The minute of a timestamp; one outside of 1970 to 9998 is in the first or last minute."""
    return max(0, min(millis // 60_000, LAST_MINUTE))


@functools.cache
def period_of(minute, calendar, zone):
    """What a calendar and a clock on the wall show."""
    local = datetime.datetime.fromtimestamp(minute * 60, zoneinfo.ZoneInfo(zone))
    if calendar == "week":
        year, week, _ = local.isocalendar()
        return f"{year:04}-W{week:02}"
    return local.strftime({"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "month": "%Y-%m"}[calendar])


@functools.cache
def begin_of(period, minute, calendar, zone):
    """The first minute of the period that a minute is in, looking back a minute at a time."""
    longest = {"hour": 60, "day": 1440, "week": 7 * 1440, "month": 31 * 1440}[calendar] + 2 * 1440
    return min(m for m in range(max(0, minute - longest), minute + 1) if period_of(m, calendar, zone) == period)


def decimal(value):
    """A fraction rounded half to even to 10 decimals, without trailing zeros."""
    units = round(value * 10**10)  # Python rounds fractions half to even
    sign, units = "-" if units < 0 else "", abs(units)
    return (f"{sign}{units // 10**10}." + f"{units % 10**10:010}".rstrip("0")).rstrip(".")


def counted(d, minute, as_of):
    """What a behaviour of a minute counts for, as of T: 0 if it does not."""
    if d["kind"] == "all-time":
        return Fraction(1)
    if d["kind"] == "window":
        return Fraction(as_of - d["window"] < minute <= as_of)
    if d["kind"] == "trending":
        m = d["half-life"]
        epoch, now = minute // m, as_of // m
        return Fraction(rate(minute % m, m), 2**40 * 2 ** (now - epoch)) if now - 64 < epoch <= now else Fraction(0)
    return Fraction(period_of(minute, d["calendar"], d["time-zone"]) == period_of(as_of, d["calendar"], d["time-zone"]))


def step_of(d, minute):
    """The step that max-per-step is for."""
    if d["kind"] == "window":
        return -(-minute // d["step"])
    period = period_of(minute, d["calendar"], d["time-zone"])
    return period, (minute - begin_of(period, minute, d["calendar"], d["time-zone"])) // d["step"]


def is_period(d, text):
    """Whether a text is the name of a period of the board."""
    if d["kind"] != "calendar":
        return False
    try:
        if d["calendar"] == "week":
            year, week = re.fullmatch(r"([0-9]{4})-W([0-9]{2})", text).groups()
            return bool(datetime.date.fromisocalendar(int(year), int(week), 1))
        form = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "month": "%Y-%m"}[d["calendar"]]
        return datetime.datetime.strptime(text, form).strftime(form) == text
    except (AttributeError, ValueError):
        return False


def group_of(d, page):
    """The group of a page, None without one."""
    match = re.fullmatch(d["group-by"], page)
    group = match and match.group(1)
    if not group or group in (".", "..") or len(group.encode()) > 128 or "/" in group or not group.isprintable() or is_period(d, group) or group in ENDS_OF_PATHS:
        return None
    return group


def on_board(d, page):
    """Whether include and exclude allow a page, and it is in the group, if the board is that of one."""
    if "group" in d and group_of(d, page) != d["group"]:
        return False
    include, exclude = d.get("include", []), d.get("exclude", [])
    return not any(re.fullmatch(p, page) for p in exclude) and (not include or any(re.fullmatch(p, page) for p in include))


@functools.cache
def hash_of(page):
    """What is kept of the name of a page that is forgotten."""
    return hashlib.sha256(page.encode()).hexdigest()


def remembered(behaviours, forgotten):
    """The behaviours of pages that are not forgotten, or that came after."""
    kept = []
    for page, millis, clicks, minutes, like, *at in behaviours:
        if f := forgotten.get(hash_of(page)):
            partition, offset = at
            if f["blocked"] or partition < len(f["to"]) and offset <= f["to"][partition]:
                continue
        kept.append((page, millis, clicks, minutes, like, *at))
    return kept


def partition_of(page, partitions):
    """The heat partition of a page: FNV-1a without the top bit, modulo."""
    h = 0x811C9DC5
    for byte in page.encode():
        h = ((h ^ byte) * 0x01000193) % 2**32
    return (h % 2**31) % partitions


def unswept(behaviours, sweeps):
    """The behaviours since the last sweep that dropped their page."""
    pages = {}
    for b in behaviours:
        pages.setdefault(b[0], []).append(b)

    def covered(b, offsets):
        return b[5] < len(offsets) and b[6] <= offsets[b[5]]

    for s in sweeps:
        for page, all_of in pages.items():
            if partition_of(page, s["partitions"]) != s["partition"]:
                continue
            old = [b for b in all_of if covered(b, s["to"])]
            if all(minute_of(b[1]) // 1440 < s["before"] for b in old if not covered(b, s["from"])):
                pages[page] = [b for b in all_of if not covered(b, s["to"])]
    return [b for b in behaviours if b in pages[b[0]]]


def board(d, behaviours, as_of):
    """The pages of the board as of T."""
    weights = [Fraction(w) for w in d["weights"]]
    sums, steps = {}, {}
    for page, millis, *values in behaviours:
        minute = minute_of(millis)
        factor = counted(d, minute, as_of)
        if not factor or not on_board(d, page):
            continue
        values = [values[0], Fraction(values[1], 10**9), values[2]]
        total = sums.setdefault(page, [0, 0, 0, 0])
        for i, value in enumerate(values):
            total[i] += factor * value
        total[3] += 1
        step = steps.setdefault(page, {})
        key = step_of(d, minute) if "max-per-step" in d else 0
        step[key] = step.get(key, 0) + factor * sum(w * v for w, v in zip(weights, values))
    cap = Fraction(d["max-per-step"]) if "max-per-step" in d else None
    heats = {page: sum(h if cap is None else min(h, cap) for h in step.values()) for page, step in steps.items()}
    shown = Fraction(1)
    if d["kind"] == "trending" and as_of % d["half-life"]:
        m = d["half-life"]
        shown = Fraction(rate(m - as_of % m, m), 2**41)
    pages, groups = [], {}
    for page in sorted(sums, key=lambda p: (-heats[p], p.encode())):
        total = sums[page]
        if total[3] < d.get("min-behaviours", 1):
            continue
        if d.get("max-per-group") and "group" not in d and (group := group_of(d, page)) is not None:
            groups[group] = groups.get(group, 0) + 1
            if groups[group] > d["max-per-group"]:
                continue
        if len(pages) == d["size"]:
            break
        decimals = [decimal(shown * x) for x in (heats[page], *total[:3])]
        pages.append([len(pages) + 1, page, *decimals, total[3]])
    return pages


def group_boards(d, behaviours, as_of):
    """The boards of groups as of T: of the first by name that have a page which qualifies."""
    groups = {}
    for page in {page for page, *_ in behaviours}:
        if on_board(d, page) and (group := group_of(d, page)) is not None:
            groups[group] = None
    boards = [[group, board({**d, "group": group}, behaviours, as_of)] for group in sorted(groups, key=str.encode)]
    first = [(group, pages) for group, pages in boards if pages][: d["max-groups"]]
    return [[group, *page] for group, pages in first for page in pages]


def main():
    for line in sys.stdin:
        task = json.loads(line)
        behaviours = unswept(remembered(task["behaviours"], task.get("forgotten") or {}), task.get("sweeps") or [])
        count = group_boards if task.get("groups") else board
        print(json.dumps([count(task["definition"], behaviours, t) for t in task["as_of"]]))


if __name__ == "__main__":
    main()
