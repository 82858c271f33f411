"""The benchmark's work on asyncio and uvloop: `main.py LOOP WORK N NODE CLIENTS`.

For each line on stdin one sample of WORK is taken on a new event loop, and written as a line of JSON to descriptor 3: the
microseconds of one operation, of wall time and of CPU time. WORK is a function of `cases.py`; NODE runs
CLIENTS, the other side of the echo. The program ends with its stdin.
"""

import asyncio
import gc
import inspect
import json
import os
import sys
import time

import cases


def new_loop(name):
    if name == "uvloop":
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def quantile(values, at):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * at))]


def sample(loop, work, n):
    """Prepare, collect garbage, go (timed), check, close."""
    prepared = loop.run_until_complete(work(n))
    go = prepared if callable(prepared) else prepared[0]
    gc.collect()

    async def timed():
        wall, cpu = time.perf_counter(), time.process_time()
        outcome = go()
        if inspect.isawaitable(outcome):
            outcome = await outcome
        return outcome, time.perf_counter() - wall, time.process_time() - cpu

    outcome, wall, cpu = loop.run_until_complete(timed())
    latencies = outcome if isinstance(outcome, list) else None
    done = len(latencies) if latencies is not None else outcome
    if done != n:
        raise AssertionError(f"it did {done} of {n}")
    result = {"wall": wall * 1e6 / n, "cpu": cpu * 1e6 / n}
    if latencies is not None:
        result["p50"] = quantile(latencies, 0.5) * 1e6
        result["p99"] = quantile(latencies, 0.99) * 1e6
    if not callable(prepared):
        close = prepared[1]()
        if inspect.isawaitable(close):
            loop.run_until_complete(close)
    return result


def main():
    name, work, n = sys.argv[1], getattr(cases, sys.argv[2]), int(sys.argv[3])
    with os.fdopen(3, "w") as answers:
        for _ in sys.stdin:
            loop = new_loop(name)
            asyncio.set_event_loop(loop)
            answers.write(json.dumps(sample(loop, work, n)) + "\n")
            answers.flush()
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()


main()
