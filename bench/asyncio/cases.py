"""What is measured: each function prepares a sample of n operations, and gives the function that does them (and one that closes).

The work is that of the case of the same name in `../cases`: the same counts, the same checks.
"""

import asyncio
import concurrent.futures
import random
import sys
import time

MIB = 2**20


def check(total, n):
    if total != n * (n - 1) // 2:
        raise AssertionError(f"the values add up to {total}")
    return n


async def one_by_one(n, one):
    latencies = []
    for i in range(n):
        start = time.perf_counter()
        await one(i)
        latencies.append(time.perf_counter() - start)
    return latencies


async def at_a_time(n, width, one):
    left = iter(range(n))

    async def lane():
        for i in left:
            await one(i)

    await asyncio.gather(*(lane() for _ in range(width)))
    return n


# ---- callSoon ----


async def call_soon_batch(n):
    loop = asyncio.get_running_loop()

    def go():
        done = loop.create_future()
        count = 0

        def callback():
            nonlocal count
            count += 1
            if count == n:
                done.set_result(count)

        for _ in range(n):
            loop.call_soon(callback)
        return done

    return go


async def call_soon_chain(n):
    loop = asyncio.get_running_loop()

    def go():
        done = loop.create_future()
        count = 0

        def callback():
            nonlocal count
            count += 1
            if count == n:
                done.set_result(count)
            else:
                loop.call_soon(callback)

        loop.call_soon(callback)
        return done

    return go


async def call_soon_single(n):
    loop = asyncio.get_running_loop()

    async def go():
        latencies = []
        for _ in range(n):
            await asyncio.sleep(0)
            done = loop.create_future()
            start = time.perf_counter()

            def callback():
                latencies.append(time.perf_counter() - start)
                done.set_result(None)

            loop.call_soon(callback)
            await done
        return latencies

    return go


# ---- timers ----


def delays(n, first, span):
    """In seconds; pseudo-random, the same every time."""
    source = random.Random(42)
    return [(first + source.random() * span) / 1000 for _ in range(n)]


async def timers_run(n):
    loop = asyncio.get_running_loop()
    when = delays(n, 1, 50)

    def go():
        done = loop.create_future()
        count = 0

        def callback():
            nonlocal count
            count += 1
            if count == n:
                done.set_result(count)

        for delay in when:
            loop.call_later(delay, callback)
        return done

    return go


async def timers_cancelled(n, size):
    loop = asyncio.get_running_loop()
    chunk = min(n, size)
    when = delays(chunk, 60_000, 500)
    ran = []

    async def go():
        count = 0
        while count < n:
            timers = [loop.call_later(delay, ran.append, 1) for delay in when]
            for timer in timers:
                timer.cancel()
            count += chunk
            # What is cancelled leaves when the loop turns.
            await asyncio.sleep(0)
        if ran:
            raise AssertionError("a cancelled timer ran")
        return count

    return go


async def timers_cancelled_at_once(n):
    return await timers_cancelled(n, 100_000)


async def timers_cancelled_in_chunks(n):
    return await timers_cancelled(n, 1000)


# ---- futures ----


async def future_callback(n):
    loop = asyncio.get_running_loop()

    def go():
        done = loop.create_future()
        count = 0

        def callback(future):
            nonlocal count
            if future.result() == 1:
                count += 1
                if count == n:
                    done.set_result(count)

        for _ in range(n):
            future = loop.create_future()
            future.add_done_callback(callback)
            future.set_result(1)
        return done

    return go


async def future_await_pending(n):
    loop = asyncio.get_running_loop()

    async def go():
        total = 0
        for i in range(n):
            future = loop.create_future()
            loop.call_soon(future.set_result, i)
            total += await future
        return check(total, n)

    return go


async def future_await_ready(n):
    loop = asyncio.get_running_loop()

    async def go():
        total = 0
        for i in range(n):
            future = loop.create_future()
            future.set_result(i)
            total += await future
        return check(total, n)

    return go


async def future_chain(n):
    loop = asyncio.get_running_loop()

    async def go():
        first = last = loop.create_future()
        for _ in range(n):
            following = loop.create_future()
            last.add_done_callback(lambda future, to=following: to.set_result(future.result() + 1))
            last = following
        first.set_result(0)
        return await last

    return go


# ---- tasks ----


async def task_create_and_run(n):
    async def go():
        count = 0

        async def body():
            nonlocal count
            count += 1

        tasks = [asyncio.create_task(body()) for _ in range(n)]
        await tasks[-1]
        return count

    return go


async def task_create_and_await(n):
    async def body(i):
        return i

    async def go():
        total = 0
        for i in range(n):
            total += await asyncio.create_task(body(i))
        return check(total, n)

    return go


async def waiting_tasks(n):
    loop = asyncio.get_running_loop()
    unwound = []

    async def body():
        try:
            await loop.create_future()
        except asyncio.CancelledError:
            unwound.append(1)
            raise

    tasks = [asyncio.create_task(body()) for _ in range(n)]
    await asyncio.sleep(0)
    return tasks, unwound


async def ended(task):
    try:
        await task
    except asyncio.CancelledError:
        pass


async def task_cancel_all(n):
    tasks, unwound = await waiting_tasks(n)

    async def go():
        for task in tasks:
            task.cancel()
        await ended(tasks[-1])
        return len(unwound)

    return go


async def task_cancel_one(n):
    tasks, unwound = await waiting_tasks(n)

    async def one(i):
        tasks[i].cancel()
        await ended(tasks[i])
        if len(unwound) != i + 1:
            raise AssertionError("the task has not unwound")

    return lambda: one_by_one(n, one)


# ---- executor ----


def add(a, b):
    return a + b


async def executor(n, width):
    loop = asyncio.get_running_loop()
    pool = concurrent.futures.ThreadPoolExecutor(2)

    async def one(i):
        if await loop.run_in_executor(pool, add, i, 1) != i + 1:
            raise AssertionError(f"the job {i}")

    await at_a_time(100, width, one)
    return (lambda: at_a_time(n, width, one)), pool.shutdown


async def executor_one(n):
    return await executor(n, 1)


async def executor_64(n):
    return await executor(n, 64)


async def executor_1000(n):
    return await executor(n, 1000)


# ---- processes ----


async def spawned(_):
    devnull = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec("/bin/true", stdin=devnull, stdout=devnull, stderr=devnull)
    if await process.wait() != 0:
        raise AssertionError("it failed")


async def spawn_one(n):
    return lambda: one_by_one(n, spawned)


async def spawn_eight(n):
    return lambda: at_a_time(n, 8, spawned)


async def pipe(n):
    async def go():
        process = await asyncio.create_subprocess_exec(
            "head", "-c", str(n * MIB), "/dev/zero", stdout=asyncio.subprocess.PIPE
        )
        total = 0
        while data := await process.stdout.read(MIB):
            total += len(data)
        await process.wait()
        return total // MIB

    return go


# ---- echo ----

CONNECTIONS = 50
MESSAGE = b"x" * 1024


async def echo(n, serve):
    """The server is in this process, and its CPU time is what counts; the clients have a process of their own."""
    server = await serve()
    port = server.sockets[0].getsockname()[1]
    clients = await asyncio.create_subprocess_exec(
        *sys.argv[4:6],
        str(port),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    await clients.stdout.readline()

    async def go():
        clients.stdin.write(f"{n}\n".encode())
        return int(await clients.stdout.readline())

    async def close():
        clients.stdin.close()
        await clients.wait()
        server.close()
        await server.wait_closed()

    return go, close


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class BufferedEcho(asyncio.BufferedProtocol):
    """One buffer for all that comes, as long as nothing of it waits to be written."""

    def connection_made(self, transport):
        self.transport = transport
        self.buffer = bytearray(64 * 1024)

    def get_buffer(self, size_hint):
        if self.transport.get_write_buffer_size() != 0:
            self.buffer = bytearray(64 * 1024)
        return self.buffer

    def buffer_updated(self, length):
        # uvloop sends later what it is given: it must be its own.
        self.transport.write(bytes(memoryview(self.buffer)[:length]))


async def echo_protocol(n):
    loop = asyncio.get_running_loop()
    return await echo(n, lambda: loop.create_server(Echo, "127.0.0.1", 0))


async def echo_buffered(n):
    loop = asyncio.get_running_loop()
    return await echo(n, lambda: loop.create_server(BufferedEcho, "127.0.0.1", 0))


async def echo_streams(n):
    async def serve(reader, writer):
        while data := await reader.read(64 * 1024):
            writer.write(data)
            await writer.drain()
        writer.close()

    return await echo(n, lambda: asyncio.start_server(serve, "127.0.0.1", 0))
