"""Starts what is measured: a private Redis, databases with revocations, and the servers, each pinned to a core."""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import time
import uuid
from http.client import HTTPConnection
from pathlib import Path

HERE = Path(__file__).parent
BINARIES = HERE / "target" / "release" / "examples"
PEERS = HERE / "peers"
# The server has the first core; Redis, the load generator and this program have the others.
SERVER_CORE, OTHER_CORES = "0", f"1-{max(1, os.cpu_count() - 1)}"
TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in descendants(int(child)))]


class Process:
    """A program on one core, which ends with this object."""

    def __init__(self, name: str, work: Path, core: str, command: list, port: int, **environment):
        self.name, self.port = name, port
        self.log = work / f"{name}.log"
        command = ["taskset", "-c", core, *map(str, command)]
        with self.log.open("w") as log:
            environment = {**os.environ, "NODE_ENV": "production", **environment}
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment)

    def listens(self, seconds: float = 300) -> "Process":
        """Waits until the port is open, and if this is a node, until it is ready."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    return self
            except OSError:
                time.sleep(0.05)
        raise SystemExit(f"{self.name} does not listen:\n{self.log.read_text()[-2000:]}")

    def cpu_seconds(self) -> float:
        """As the operating system counts it, with the processes that this one has started."""
        total = 0
        for pid in descendants(self.process.pid):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def resident_mb(self) -> float:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Bench:
    """What runs during a benchmark. All of it ends with the `with` block."""

    def __init__(self, work: Path):
        self.work, self.running, self.redis = work, [], None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            process.end()

    def start(self, *arguments, **environment) -> Process:
        process = Process(arguments[0], self.work, *arguments[1:], **environment)
        self.running.append(process)
        return process

    def start_redis(self):
        port = free_port()
        command = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", self.work]
        self.redis = self.start("redis", OTHER_CORES, command, port).listens()

    def redis_url(self, database: int = 0) -> str:
        return f"redis://127.0.0.1:{self.redis.port}/{database}"

    def redis_command(self, *lines: str) -> str:
        """Runs commands in Redis, one a line."""
        done = subprocess.run(
            ["redis-cli", "-p", str(self.redis.port)], input="\n".join(lines), capture_output=True, text=True, check=True
        )
        return done.stdout

    def redis_commands(self) -> int:
        """How many commands Redis has run, those inside of scripts included."""
        stats = self.redis_command("INFO stats")
        return int(stats.split("total_commands_processed:")[1].split()[0])

    def peers_revoked(self, count: int):
        """Revoked tokens in the database of the peers, a key for each."""
        sets = "\n".join(f"SET revoked:{uuid.uuid4()} 1 EX 3600" for _ in range(count))
        pipe = ["redis-cli", "-p", str(self.redis.port), "-n", "1", "--pipe"]
        subprocess.run(pipe, input=sets, text=True, check=True, stdout=subprocess.DEVNULL)

    def data(self, name: str, revoked: int = 0) -> Path:
        """A data directory of `rescind`, migrated, with that many revocations of other sessions in its log."""
        directory = self.work / name
        directory.mkdir(mode=0o700)
        environment = {**os.environ, "RESCIND_DATA_DIR": str(directory), "RUST_LOG": "warn"}
        # No keys yet: a database under older keys would refuse what is issued in its first seconds.
        subprocess.run([BINARIES / "node", "migrate", "up"], env=environment, check=True, stdout=subprocess.DEVNULL)
        now = int(time.time() * 1000)
        until = now + 3_600_000
        rows = (
            (number, "session", uuid.uuid4().bytes, f"gone-{number}", now, until, "logout", 1)
            for number in range(1, revoked + 1)
        )
        with sqlite3.connect(directory / "rescind.db") as database:
            columns = "position, scope_kind, scope_id, user_id, at, until, cause, protocol"
            database.executemany(f"INSERT INTO rescind_revocations ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            database.execute("UPDATE rescind_log_head SET last_position = ?", (revoked,))
        database.close()
        return directory

    def copy(self, data: Path, name: str) -> Path:
        return Path(shutil.copytree(data, self.work / name))

    def node(self, name: str, data: Path, core: str = SERVER_CORE, **settings) -> Process:
        """A node. Its access tokens are in `<name>.tokens`. Only warnings are logged: the peers log no request either."""
        port, tokens = free_port(), self.work / f"{name}.tokens"
        given = {
            "RUST_LOG": "warn",
            "RESCIND_BIND": f"127.0.0.1:{port}",
            "RESCIND_DATA_DIR": str(data),
            "RESCIND_ACCESS_TTL": "1h",
            "RESCIND_LOGIN_LIMIT": "off",
            "RESCIND_SIGNUP_LIMIT": "off",
            **settings,
        }
        return self.start(name, core, [BINARIES / "node", "--tokens", tokens], port, **given)

    def ready(self, node: Process) -> Process:
        node.listens()
        for _ in range(3000):
            if call(node.port, "GET", "/health/ready")[0] == 200:
                return node
            if node.process.poll() is not None:
                break
            time.sleep(0.1)
        raise SystemExit(f"{node.name} does not become ready:\n{node.log.read_text()[-2000:]}")


class Client:
    """One kept connection to a server."""

    def __init__(self, port: int):
        self.connection, self.used = HTTPConnection("127.0.0.1", port, timeout=60), time.monotonic()

    def call(self, method: str, path: str, body: object = None, **headers: str):
        # A server closes a connection that is not used for some seconds; the next request opens another.
        if time.monotonic() - self.used > 3:
            self.connection.close()
        sent = None if body is None else json.dumps(body)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if sent:
            headers["Content-Type"] = "application/json"
        self.connection.request(method, path, sent, headers)
        response = self.connection.getresponse()
        text, self.used = response.read(), time.monotonic()
        return response.status, json.loads(text) if text else None, response.headers


def call(port: int, method: str, path: str, body: object = None, **headers: str):
    return Client(port).call(method, path, body, **headers)


def log_in(server: Process, count: int, is_cookie: bool) -> Path:
    """Logs in as many users; the file has what each sends from then on, one a line."""
    client, lines = Client(server.port), []
    for number in range(count):
        who = {"user_id": f"user-{number:05}", "session_id": str(uuid.uuid4())}
        status, body, headers = client.call("POST", "/login", who)
        if status >= 300:
            raise SystemExit(f"{server.name} answers a login {status}: {body}")
        lines.append(headers["Set-Cookie"].partition(";")[0] if is_cookie else body["access_token"])
    path = server.log.with_suffix(".tokens")
    path.write_text("\n".join(lines))
    return path
