"""Steps many sessions of a model at once, and checks that each gets the numbers that it gets alone.

    python3 Server/Examples/load.py http://127.0.0.1:8080 --model sensors --sessions 2000 --steps 20 --connections 64

The model takes numbers. Session i is fed sequence i mod 8, so that every eighth session must have the same outputs, to the last
digit, as the session that is stepped alone before. Only Python's own library is used; client and server share the machine.
"""

import argparse
import asyncio
import json
import time
from urllib.parse import urlparse


class Connection:
    """One connection that is kept open."""

    def __init__(self, host, port):
        self.host, self.port = host, port
        self.reader = self.writer = None

    async def ask(self, method, path, body=None):
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(self.host, self.port)
        data = json.dumps(body).encode() if body is not None else b""
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nContent-Type: application/json\r\n"
        self.writer.write(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
        await self.writer.drain()
        status = int((await self.reader.readline()).split()[1])
        length = 0
        while True:
            line = await self.reader.readline()
            if line == b"\r\n":
                break
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return status, json.loads(await self.reader.readexactly(length))


def sequence(number, steps, width):
    return [[((step * 7 + number * 5 + place * 3) % 13) / 6 - 1 for place in range(width)] for step in range(steps)]


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--model", required=True)
    parser.add_argument("--features", type=int, default=0)
    parser.add_argument("--sessions", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    url = urlparse(options.url)
    connections = [Connection(url.hostname, url.port) for _ in range(options.connections)]
    status, model = await connections[0].ask("GET", f"/v1/models/{options.model}")
    assert status == 200, model
    # "[T, B, 3]": features of a step.
    width = options.features or int(model["inputs"][0]["shape"].rstrip("]").split(",")[2])
    refused = 0

    async def step(connection, session, row):
        nonlocal refused
        while True:
            status, answer = await connection.ask("POST", f"/v1/sessions/{session}/steps", {"inputs": [row]})
            if status != 429:
                assert status == 200, answer
                return answer["outputs"]
            refused += 1
            await asyncio.sleep(0.01)

    async def create(connection):
        status, answer = await connection.ask("POST", "/v1/sessions", {"model": options.model})
        assert status == 201, answer
        return answer["id"]

    expected = []
    for number in range(8):
        session = await create(connections[0])
        rows = sequence(number, options.steps, width)
        expected.append([await step(connections[0], session, row) for row in rows])
        await connections[0].ask("DELETE", f"/v1/sessions/{session}")

    sessions = [None] * options.sessions
    times, wrong = [], 0

    async def work(place):
        """A connection's share of the sessions: all of them take a step, then all the next."""
        nonlocal wrong
        own = range(place, options.sessions, options.connections)
        connection = connections[place]
        for index in own:
            sessions[index] = await create(connection)
        for step_number in range(options.steps):
            for index in own:
                row = sequence(index % 8, options.steps, width)[step_number]
                begin = time.perf_counter()
                output = await step(connection, sessions[index], row)
                times.append(time.perf_counter() - begin)
                wrong += output != expected[index % 8][step_number]

    begin = time.perf_counter()
    await asyncio.gather(*(work(place) for place in range(options.connections)))
    seconds = time.perf_counter() - begin
    for index, session in enumerate(sessions):
        await connections[index % len(connections)].ask("DELETE", f"/v1/sessions/{session}")
    times.sort()
    print(f"{len(sessions)} sessions, {len(times)} steps in {seconds:.1f} s: {len(times) / seconds:.0f} a second")
    print(f"p50 {times[len(times) // 2] * 1e3:.1f} ms, p99 {times[len(times) * 99 // 100] * 1e3:.1f} ms, refused {refused}")
    print(f"outputs that are not those of the session alone: {wrong}")
    raise SystemExit(1 if wrong else 0)


asyncio.run(main())
