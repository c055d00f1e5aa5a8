"""What .ci/kills and .ci/faults know of files, of runs, and of a server of data sets."""

import csv
import hashlib
import http.server
import io
import json
import os
import re
import sqlite3
import threading

# Columns and keys that are times.
TIMES = {"seconds", "wall_seconds", "ms_per_step", "jobs", "threads", "equal_seconds", "equal_time_value", "ms/step"}


class Finding(Exception):
    """What was found in one line."""


# MARK: Files


def bytes_of(path):
    with open(path, "rb") as file:
        return file.read()


def files_below(folder):
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            yield os.path.relpath(path, folder), path


def is_temporary(name):
    """Whether AtomicFile was writing this file."""
    return os.path.basename(name).startswith(".") and name.endswith(".tmp")


def expect_whole(name, data):
    """A file under its own name has an end, whenever it is read."""
    if name.endswith(".safetensors"):
        size = int.from_bytes(data[:8], "little")
        try:
            header = json.loads(data[8:8 + size])
        except ValueError:
            raise Finding(f"{name}: half a header")
        ends = [tensor["data_offsets"][1] for key, tensor in header.items() if key != "__metadata__"]
        if len(data) != 8 + size + max(ends, default=0):
            raise Finding(f"{name}: expected {8 + size + max(ends, default=0)} bytes, found {len(data)}")
    elif name.endswith(".json"):
        try:
            json.loads(data)
        except ValueError:
            raise Finding(f"{name}: half an object")
    elif name.endswith(".svg"):
        if not data.rstrip().endswith(b"</svg>"):
            raise Finding(f"{name}: half a picture")
    elif name.endswith(".csv"):
        rows = list(csv.reader(io.StringIO(data.decode())))
        if not data.endswith(b"\n") or any(len(row) != len(rows[0]) for row in rows):
            raise Finding(f"{name}: half a row")


def timeless(value):
    if isinstance(value, dict):
        return {key: timeless(inner) for key, inner in value.items() if key not in TIMES}
    return [timeless(inner) for inner in value] if isinstance(value, list) else value


def snapshot(folder):
    """What two runs of the same settings have in common: all but times and logs."""
    result = {}
    for name, path in files_below(folder):
        data = bytes_of(path)
        if name.endswith(".json"):
            result[name] = json.dumps(timeless(json.loads(data)), sort_keys=True)
        elif name.endswith(".csv"):
            rows = list(csv.reader(io.StringIO(data.decode())))
            kept = [i for i, title in enumerate(rows[0]) if title not in TIMES]
            result[name] = [[row[i] for i in kept] for row in rows]
        elif name.endswith((".safetensors", ".svg")) and "checkpoint-" not in name:
            result[name] = hashlib.sha256(data).hexdigest()
    return result


# MARK: The store of an agent's memory


def memory_probe(tree):
    """The program that writes to a store: AGENT_MEMORY_PROBE, or one that was built; None where there is none."""
    probes = [os.path.join(tree, place, kind, "agent-memory-probe")
              for place in ["Server/.build", ".build"] for kind in ["release", "debug"]]
    named = os.environ.get("AGENT_MEMORY_PROBE")
    return next((os.path.abspath(path) for path in ([named] if named else probes) if os.access(path, os.X_OK)), None)


def unacknowledged(path, output):
    """How many records a store has beyond those that its writer printed as stored, of which none may be missing: 0, or 1 that
    was being stored. Raises Finding."""
    acknowledged = [line.split() for line in output.split("\n")[:-1]]
    if not os.path.exists(path):
        if acknowledged:
            raise Finding("agent memory: the file is gone")
        return 0
    database = sqlite3.connect(path)
    try:
        fault = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if fault != "ok" or database.execute("PRAGMA foreign_key_check").fetchone():
            raise Finding(f"agent memory: {fault}")
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'record_text'").fetchone():
            if acknowledged:
                raise Finding("agent memory: the tables are gone")
            return 0
        database.execute("INSERT INTO record_text(record_text, rank) VALUES ('integrity-check', 1)")
        records = dict(database.execute("SELECT id, content FROM record"))
    except sqlite3.Error as error:
        raise Finding(f"agent memory: {error}")
    finally:
        database.close()
    for identifier, number in acknowledged:
        if records.get(int(identifier)) != f"message number{number} of the test":
            raise Finding(f"agent memory: message {number} was acknowledged and is {records.get(int(identifier))!r}")
    if len(records) - len(acknowledged) not in (0, 1):
        raise Finding(f"agent memory: {len(acknowledged)} were acknowledged, {len(records)} are there")
    return len(records) - len(acknowledged)


# MARK: Data sets


class Mirror:
    """Gives the files of MNIST in a data folder to `data fetch`, from 127.0.0.1; without them there is no `url`."""

    def __init__(self, data):
        self.served, self.requests, self.url = {}, [], None
        mnist = os.path.join(data, "mnist")
        names = [f"{part}-{kind}-ubyte.gz" for part in ["train", "t10k"] for kind in ["images-idx3", "labels-idx1"]]
        if all(os.path.exists(os.path.join(mnist, name)) for name in names):
            self.served = {name: bytes_of(os.path.join(mnist, name)) for name in names}
            self.serve()

    def serve(self):
        served, requests = self.served, self.requests

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                name, start = self.path.lstrip("/"), 0
                body = served.get(name)
                if body is None:
                    return self.send_error(404)
                asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
                if asked:
                    start = int(asked[1])
                requests.append((name, start))
                self.send_response(206 if asked else 200)
                if asked:
                    self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
                self.send_header("Content-Length", str(len(body) - start))
                self.end_headers()
                try:
                    self.wfile.write(memoryview(body)[start:])
                except OSError:
                    pass  # The one who asked was killed.

            def log_message(self, *words):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}/"
