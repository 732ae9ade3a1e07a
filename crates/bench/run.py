"""Measures Rescind beside what others do in its place, and writes docs/performance.md: `just bench`, `just bench requests`.

Each figure is a ratio of two things that ran in turn, in one run on one machine. `just bench quick` measures for a shorter
time with fewer revocations, and writes nothing.
"""

import argparse
import json
import os
import re
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import report
from servers import BINARIES, HERE, OTHER_CORES, PEERS, SERVER_CORE, Bench, Client, Process, call, free_port, log_in

PASSWORD = "correct horse battery staple"
LIVE = 10_000
BEARER = ["Authorization", "Bearer "]
BOTH_CORES = f"0-{max(1, os.cpu_count() - 1)}"


def build():
    for tool in ("cargo", "node", "npm", "perf", "python3", "redis-cli", "redis-server", "taskset", "wrk"):
        if not shutil.which(tool):
            packages = "linux-perf nodejs npm python3-venv redis-server util-linux wrk"
            raise SystemExit(f"{tool} is missing: apt-get install {packages}")
    for command in (["build", "--release", "--examples"], ["bench", "--no-run"]):
        subprocess.run(["cargo", *command, "--locked"], cwd=HERE, check=True)
    lock, made = PEERS / "package-lock.json", PEERS / "node_modules" / ".package-lock.json"
    if not made.exists() or made.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=PEERS, check=True)
    wanted, installed = PEERS / "requirements.txt", PEERS / ".venv" / "installed.txt"
    if not installed.exists() or installed.read_text() != wanted.read_text():
        subprocess.run(["python3", "-m", "venv", "--clear", PEERS / ".venv"], check=True)
        pip = [PEERS / ".venv" / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "--only-binary", ":all:", "-r", wanted], check=True)
        shutil.copy(wanted, installed)


def load(url: str, seconds: float, kind: list, connections: int = 32, threads: int = 1) -> dict:
    """Runs wrk on the other core."""
    command = ["taskset", "-c", OTHER_CORES, "wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "10s"]
    command += ["-s", HERE / "load.lua", url, "--", *kind]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"wrk: {done.stdout}{done.stderr}")
    result = json.loads(done.stdout.splitlines()[-1])
    if result["failed"] or not result["requests"]:
        raise SystemExit(f"{url}: {result['failed']} of {result['requests']} requests failed")
    return result


# --- An authenticated request, beside the peers ---------------------------------------------------------------------------

BARE, GUARD, REPLICATED, DIRECT = "actix bare handler", "the same behind our guard()", "Authenticated, replicated", "Authenticated, direct"
SESSIONS, FASTIFY, CACHED = "actix-session, Redis", "Fastify, @fastify/jwt, ioredis", "the same with fast-jwt's cache"
EXPRESS, FLASK = "Express, jsonwebtoken, ioredis", "Flask-JWT-Extended, redis, gunicorn"


class Variant:
    """What is sent to a server."""

    def __init__(self, name: str, server: Process, path: str, tokens: Path, header: list[str] = BEARER):
        self.name, self.server, self.url = name, server, f"http://127.0.0.1:{server.port}{path}"
        # A handler that identifies nobody gets one of the tokens too: the same bytes have to be parsed.
        self.kind = ["walk", tokens, *header]
        self.rounds = []

    def measure(self, bench: Bench, seconds: float, idle_commands: float):
        commands, before = bench.redis_commands(), self.server.cpu_seconds()
        got = load(self.url, seconds, self.kind)
        got["cpu"] = (self.server.cpu_seconds() - before) / got["requests"] * 1e6
        # Without those of the nodes that have nothing to do: they renew their leases all the time.
        got["commands"] = max(0, bench.redis_commands() - commands - idle_commands * got["seconds"]) / got["requests"]
        got["rate"] = got["requests"] / got["seconds"]
        self.rounds.append(got)

    def median(self, what: str) -> float:
        return statistics.median(each[what] for each in self.rounds)

    def ratio(self, other: "Variant") -> float:
        """Of the cost, to that of another in the same round: what slows the whole machine for a while is in both."""
        return statistics.median(ours["cpu"] / its["cpu"] for ours, its in zip(self.rounds, other.rounds, strict=True))

    def spread(self) -> float:
        costs = [each["cpu"] for each in self.rounds]
        return (max(costs) - min(costs)) / statistics.median(costs)


def nodes(bench: Bench, revoked: int) -> list[Variant]:
    data = bench.data("shared", revoked)
    alone = bench.copy(data, "alone")
    redis = {"REDIS_URL": bench.redis_url(), "RESCIND_STORE_TIMEOUT": "2s"}
    # Each is ready before the next: the first one fills Redis.
    made = {}
    for name, where, settings in (
        ("memory", alone, {}),
        ("direct", data, {**redis, "RESCIND_BLACKLIST_READ": "direct"}),
        ("replicated", data, {**redis, "RESCIND_BLACKLIST_READ": "replicated"}),
        ("uncached", data, {**redis, "RESCIND_BLACKLIST_READ": "direct", "RESCIND_TOKEN_CACHE": "0"}),
        ("logging", data, {**redis, "RESCIND_BLACKLIST_READ": "replicated", "RUST_LOG": "info"}),
    ):
        began = time.monotonic()
        made[name] = bench.ready(bench.node(name, where, **settings))
        print(f"{name} is ready with {revoked:,} revocations after {time.monotonic() - began:.1f} s", flush=True)
    of = lambda name, server, path="/me": Variant(name, made[server], path, bench.work / f"{server}.tokens")
    return [
        of("a node's handler without authentication", "memory", "/hello"),
        of("Authenticated, memory", "memory"),
        of(REPLICATED, "replicated"),
        of("the same, with a log line for each request", "logging"),
        of(DIRECT, "direct"),
        of("the same without the token cache", "uncached"),
    ]


def peers(bench: Bench, revoked: int) -> list[Variant]:
    url, variants = bench.redis_url(1), []
    bench.peers_revoked(revoked)
    gunicorn = [PEERS / ".venv/bin/gunicorn", "--chdir", PEERS, "--worker-class", "gthread", "--threads", "4", "-b"]
    for name, of_program, command in (
        (SESSIONS, "sessions", lambda port: [BINARIES / "sessions", port, bench.redis_url(2)]),
        (FASTIFY, "fastify", lambda port: ["node", PEERS / "fastify.mjs", port, url]),
        (CACHED, "fastify-cache", lambda port: ["node", PEERS / "fastify.mjs", port, url, "cache"]),
        (EXPRESS, "express", lambda port: ["node", PEERS / "express.mjs", port, url]),
        (FLASK, "flask", lambda port: [*gunicorn, f"127.0.0.1:{port}", "flask_app:app"]),
    ):
        port, is_cookie = free_port(), name == SESSIONS
        server = bench.start(of_program, SERVER_CORE, command(port), port, REDIS_URL=url).listens()
        header = ["Cookie", ""] if is_cookie else BEARER
        variants.append(Variant(name, server, "/me", log_in(server, LIVE, is_cookie), header))
    return variants


def requests(bench: Bench, quick: bool):
    rounds, seconds, revoked = (3, 1, 10_000) if quick else (9, 2, 1_000_000)
    bench.start_redis()
    plain, ours = [], nodes(bench, revoked)
    for name, extra in ((BARE, []), (GUARD, ["guard"])):
        port = free_port()
        server = bench.start(name.split()[-1], SERVER_CORE, [BINARIES / "plain", port, *extra], port).listens()
        plain.append(Variant(name, server, "/hello", bench.work / "memory.tokens"))
    variants = plain + ours + peers(bench, min(revoked, 100_000))
    for variant in variants:
        load(variant.url, 1, variant.kind)
    commands = bench.redis_commands()
    time.sleep(seconds)
    idle_commands = (bench.redis_commands() - commands) / seconds
    for _ in range(rounds):
        for variant in variants:
            variant.measure(bench, seconds, idle_commands)

    cost = {variant.name: variant.median("cpu") for variant in variants}
    named = {variant.name: variant for variant in variants}
    ratio = lambda one, other: named[one].ratio(named[other])
    rows = [
        [
            f"**{each.name}**" if each.name == REPLICATED else each.name,
            report.number(cost[each.name]),
            report.number(ratio(each.name, BARE)),
            report.number(ratio(each.name, SESSIONS)),
            f"{each.median('rate'):,.0f}",
            report.number(each.median("p50")),
            report.number(each.median("p99")),
            report.number(each.median("commands")) if each.median("commands") > 0.01 else "0",
            f"{each.spread():.0%}",
        ]
        for each in variants
    ]
    heads = ["server", "CPU µs a request", "× bare", "× actix-session", "requests/s", "p50 ms", "p99 ms", "Redis commands", "spread"]
    goals = [
        report.goal("`guard()` alone / bare", ratio(GUARD, BARE), 1.1),
        report.goal("replicated / bare", ratio(REPLICATED, BARE), 1.4),
        *(
            report.goal(f"replicated / {peer}", ratio(REPLICATED, peer), most)
            for peer, most in ((SESSIONS, 0.5), (FASTIFY, 0.16), (EXPRESS, 0.02), (FLASK, 0.02))
        ),
        report.goal("direct / actix-session", ratio(DIRECT, SESSIONS), 1.0),
        report.goal("direct: Redis commands of a request", named[DIRECT].median("commands"), 1.01, ""),
    ]
    text = f"{rounds} rounds of {seconds} s each; {LIVE:,} live tokens, {revoked:,} revoked ({min(revoked, 100_000):,} at the peers).\n\n"
    title = "CPU of the server for one request, in microseconds, on a logarithmic scale"
    if not quick:
        text += report.bars("requests", title, cost, {each.name for each in variants[1:8]})
    report.write("requests", text + report.table(heads, rows) + "\n\n" + report.goals(goals), quick)


# --- One check ------------------------------------------------------------------------------------------------------------

UNITS = {"ns": 1, "µs": 1e3, "ms": 1e6, "s": 1e9}


def medians(output: str) -> dict[str, dict]:
    """The medians of divan's table, in nanoseconds, and the allocations, by the path in the tree."""
    found, path, is_next = {}, [], False
    for line in output.splitlines():
        cells = [cell.strip() for cell in line.split("│")]
        if named := re.match(r"^([│ ]*)[├╰]─ (\S+)\s+(.*)", line):
            path = path[: len(named[1]) // 3] + [named[2]]
            if median := named[3].split("│")[2].split():
                found[" ".join(path)] = {"ns": float(median[0]) * UNITS[median[1]], "allocations": 0}
        elif is_next:
            found[" ".join(path)]["allocations"] = float(cells[-4])
        is_next = any(cell == "alloc:" for cell in cells)
    return found


def checks(bench: Bench, quick: bool):
    environment = {**os.environ} if quick else {**os.environ, "BENCH_FULL": "1"}
    command = ["cargo", "bench", "--locked", "--quiet", "--bench", "checks", "--", "--color", "never"]
    command += ["--max-time", "0.3" if quick else "2"]
    output = subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True, check=True).stdout
    print(output)
    found = medians(output)
    time_of = lambda name: found[name]["ns"]
    rows = [[f"`{name}`", report.number(each["ns"]), f"{each['allocations']:g}"] for name, each in found.items()]
    entries = sorted({int(name.split()[1]) for name in found if name.startswith("is_revoked")})
    of = {count: time_of(f"is_revoked {count} t=1") for count in entries}
    most = max(entries)
    goals = [
        report.goal("`authenticate` on a hit, µs", time_of("authenticate_hit t=1") / 1e3, 1, " µs"),
        report.goal("allocations of it", found["authenticate_hit t=1"]["allocations"], 1, ""),
        report.goal("check at 1,000,000 / EdDSA verification", of[1_000_000] / time_of("verify_eddsa"), 0.01),
        report.goal("two threads / one, at 1,000,000", time_of("is_revoked 1000000 t=2") / of[1_000_000], 1.2),
        report.goal(f"check at {most:,} / at 1,000", of[most] / of[1_000], 4),
        report.goal("verification EdDSA / raw primitive", time_of("verify_eddsa") / time_of("raw_eddsa"), 1.05),
        report.goal("verification HS256 / raw primitive", time_of("verify_hs256") / time_of("raw_hs256"), 3),
    ]
    title = "Nanoseconds for one revocation check, by the number of revocations"
    text = "" if quick else report.curve("checks", title, of, "ns")
    text += report.table(["benchmark", "median ns", "allocations"], rows) + "\n\n" + report.goals(goals)
    report.write("checks", text, quick)


# --- Whole nodes ----------------------------------------------------------------------------------------------------------


def sign_up(port: int, names: list[str]):
    client = Client(port)
    for name in names:
        status, body, _ = client.call("POST", "/api/users", {"username": name, "password": PASSWORD})
        if status != 201:
            raise SystemExit(f"a sign-up is answered {status}: {body}")


def logged_in(client: Client, name: str) -> dict:
    status, body, _ = client.call("POST", "/api/login", {"username": name, "password": PASSWORD})
    if status != 200:
        raise SystemExit(f"a login is answered {status}: {body}")
    return body


def commits_a_second(path: Path, seconds: float) -> float:
    """How often SQLite commits the statements of a refresh, a read and a write, with the settings of the node's connection."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    (session,) = database.execute("SELECT id FROM rescind_sessions WHERE closed_at IS NULL LIMIT 1").fetchone()
    (first,) = database.execute("SELECT generation FROM rescind_sessions WHERE id = ?", (session,)).fetchone()
    done, end = 0, time.monotonic() + seconds
    changes = "generation = generation + 1, idle_until = idle_until + 1, grace_until = ?, last_seen_at = ?, access_until = ?"
    swap = f"UPDATE rescind_sessions SET {changes} WHERE id = ? AND generation = ? AND closed_at IS NULL"
    while time.monotonic() < end:
        database.execute("SELECT * FROM rescind_sessions WHERE id = ?", (session,)).fetchone()
        # A statement is a transaction by itself.
        swapped = database.execute(swap, (done, done, done, session, first + done)).rowcount
        done += swapped
    database.close()
    return done / seconds


def refresh_tokens(bench: Bench, client: Client, count: int) -> Path:
    tokens = bench.work / "refresh.tokens"
    tokens.write_text("\n".join(logged_in(client, "refresher")["refresh_token"] for _ in range(count)))
    return tokens


def refreshes(bench: Bench, quick: bool):
    rounds, seconds, connections = (2, 1, 8) if quick else (3, 4, 8)
    data = bench.data("refreshes")
    spare = bench.work / "spare.db"
    node = bench.ready(bench.node("refreshing", data, BOTH_CORES))
    sign_up(node.port, ["refresher"])
    client = Client(node.port)
    rates, commits = [], []
    for _ in range(rounds):
        tokens = refresh_tokens(bench, client, connections)
        url = f"http://127.0.0.1:{node.port}/api/refresh"
        got = load(url, seconds, ["refresh", tokens], connections, connections)
        rates.append(got["requests"] / got["seconds"])
        with sqlite3.connect(data / "rescind.db") as original, sqlite3.connect(spare) as copy:
            original.backup(copy)
        commits.append(commits_a_second(spare, seconds))
    rate, commit = statistics.median(rates), statistics.median(commits)
    rows = [["refreshes over HTTP, from 8 connections", f"{rate:,.0f}"], ["commits of the same two statements", f"{commit:,.0f}"]]
    text = report.table(["on SQLite, beside the load generator on two cores", "a second"], rows)
    goals = report.goals([report.goal("refreshes / commits", rate / commit, 0.6, at_least=True)])
    report.write("refreshes", f"{text}\n\n{goals}", quick)


def flood(bench: Bench, quick: bool):
    """Authenticated requests at a moderate rate, with and without as many logins as the node takes."""
    rounds, seconds = (2, 2) if quick else (3, 5)
    node = bench.ready(bench.node("flooded", bench.data("flood")))
    names = [f"guest{number}" for number in range(8)]
    sign_up(node.port, names)
    bodies, url = bench.work / "logins", f"http://127.0.0.1:{node.port}"
    bodies.write_text("\n".join(json.dumps({"username": name, "password": PASSWORD}) for name in names))
    probe = lambda: load(f"{url}/me", seconds, ["walk", bench.work / "flooded.tokens", *BEARER, "5"], 4)
    idle, flooded, logins = [], [], []
    with ThreadPoolExecutor(1) as pool:
        for _ in range(rounds):
            idle.append(probe())
            flooding = pool.submit(load, f"{url}/api/login", seconds + 1, ["login", bodies], 16)
            time.sleep(0.5)
            flooded.append(probe())
            got = flooding.result()
            logins.append(got["requests"] / got["seconds"])
    median = lambda rows, what: statistics.median(each[what] for each in rows)
    rows = [[name, *(report.number(median(of, what)) for what in ("p50", "p99"))] for name, of in (("idle", idle), ("flood", flooded))]
    text = f"About 700 authenticated requests a second; the flood is 16 clients, who get {statistics.median(logins):.0f} logins a second.\n\n"
    text += report.table(["node on one core", "p50 ms", "p99 ms"], rows)
    goals = report.goals([report.goal("p99 in a flood / idle", median(flooded, "p99") / median(idle, "p99"), 2)])
    report.write("flood", f"{text}\n\n{goals}", quick)


def memory(bench: Bench, quick: bool):
    logins, users, each = (500, 50, 2) if quick else (10_000, 100, 10)
    node = bench.ready(bench.node("remembering", bench.data("memory"), BOTH_CORES, RESCIND_SESSIONS_PER_USER=str(each)))
    fresh = node.resident_mb()
    names = [f"guest{number}" for number in range(users)]
    sign_up(node.port, names)

    def log_in_often(part: int):
        client = Client(node.port)
        for number in range(part, logins, 4):
            logged_in(client, names[number % users])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(log_in_often, range(4)))
    held = node.resident_mb()
    rows = [["at the start", f"{fresh:.0f}"], [f"after {logins:,} logins, {users * each:,} sessions live", f"{held:.0f}"]]
    goals = report.goals([report.goal("resident memory", held, 120, " MB")])
    report.write("memory", report.table(["a node", "MB"], rows) + f"\n\n{goals}", quick)


def logouts(bench: Bench, quick: bool):
    """Logouts at one of three nodes, in turn under `direct` and `replicated`."""
    count = 40 if quick else 300
    bench.start_redis()
    clusters = {}
    for number, read in enumerate(("direct", "replicated")):
        data = bench.data(read)
        settings = {"REDIS_URL": bench.redis_url(number), "RESCIND_BLACKLIST_READ": read}
        members = [bench.ready(bench.node(f"{read}-{place}", data, BOTH_CORES, **settings)) for place in "abc"]
        sign_up(members[0].port, [f"guest{number}" for number in range(8)])
        client = Client(members[0].port)
        tokens = [logged_in(client, f"guest{number % 8}")["access_token"] for number in range(count + 4)]
        clusters[read] = (members, client, tokens, [])

    def log_out(read: str) -> float:
        _, client, tokens, _ = clusters[read]
        began = time.perf_counter()
        status, body, _ = client.call("POST", "/api/logout", Authorization=f"Bearer {tokens.pop()}")
        if status != 204:
            raise SystemExit(f"a logout under {read} is answered {status}: {body}")
        return (time.perf_counter() - began) * 1e3

    for read in clusters:
        log_out(read)
    for _ in range(count):
        for read, (_, _, _, took) in clusters.items():
            took.append(log_out(read))
    members, killed = clusters["replicated"][0], []
    for victim in members[1:]:
        victim.process.kill()
        killed.append(log_out("replicated"))
    quantile = lambda read, share: sorted(clusters[read][3])[int(share * count)]
    rows = [[f"`{read}`", *(report.number(quantile(read, share)) for share in (0.5, 0.99))] for read in clusters]
    ratio = lambda share: quantile("replicated", share) / quantile("direct", share)
    goals = [report.goal("p50 replicated / direct", ratio(0.5), 1.5), report.goal("p99 replicated / direct", ratio(0.99), 3)]
    text = f"{count} logouts each, one after the other, at one of three nodes on SQLite and Redis.\n\n"
    text += report.table(["a logout", "p50 ms", "p99 ms"], rows)
    text += f"\n\nRight after another node was killed: {', '.join(f'{each:.0f} ms' for each in killed)}."
    report.write("logouts", f"{text}\n\n{report.goals(goals)}", quick)


# --- Where the time goes --------------------------------------------------------------------------------------------------

# The first that fits counts. What is inlined counts where it was put.
SHARES = {
    "the kernel: sockets, wake-ups, the database's file": (r"\[kernel", r""),
    "signatures, hashes": (r"", r"25519|sha(256|512)_|curve|bignum|EVP_|HMAC|aws_lc"),
    "the token, its cache, the blacklist, the session's rules": (r"", r"^\W*(rescind_(token|session)|quick_cache)|MemoryBlacklist"),
    "the guard, the extractor, the handler": (r"", r"^\W*(rescind_api|serde_json|uuid)"),
    "SQL: SQLite, sqlx, sea-orm": (r"", r"sqlite|sqlx|sea_|^\W*(flume|rescind_store)|Vdbe|pcache|[a-z]Btree"),
    "memory: allocating, copying": (r"libc", r""),
    "HTTP and the runtime: actix, tokio": (r"", r""),
}


def profile(bench: Bench, quick: bool):
    """By `perf`, which samples what a node's processor does."""
    seconds, revoked = (2, 10_000) if quick else (10, 1_000_000)
    bench.start_redis()
    settings = {"REDIS_URL": bench.redis_url(), "RESCIND_STORE_TIMEOUT": "2s", "RESCIND_BLACKLIST_READ": "replicated"}
    asked = bench.ready(bench.node("replicated", bench.data("shared", revoked), **settings))
    refreshed = bench.ready(bench.node("refreshing", bench.data("refreshes"), BOTH_CORES))
    sign_up(refreshed.port, ["refresher"])
    tokens = refresh_tokens(bench, Client(refreshed.port), 8)
    found = {}
    for name, node, path, kind, many in (
        ("an authenticated request", asked, "/me", ["walk", bench.work / "replicated.tokens", *BEARER], (32, 1)),
        ("a refresh", refreshed, "/api/refresh", ["refresh", tokens], (8, 8)),
    ):
        data = bench.work / f"{node.name}.perf"
        record = ["perf", "record", "--quiet", "-e", "cpu-clock", "-F", "4999", "-o", data, "-p", node.process.pid]
        with subprocess.Popen([*map(str, record), "--", "sleep", str(seconds)], stderr=subprocess.DEVNULL):
            load(f"http://127.0.0.1:{node.port}{path}", seconds + 1, kind, *many)
        report_of = ["perf", "report", "-i", data, "--no-children", "--stdio", "-F", "overhead,dso,symbol", "-t", "|"]
        done = subprocess.run(report_of, capture_output=True, text=True, check=True)
        found[name] = dict.fromkeys(SHARES, 0.0)
        for line in done.stdout.splitlines():
            if sampled := re.match(r"\s*([\d.]+)%\s*\|([^|]*)\|(.*)", line):
                fits = lambda where: re.search(where[0], sampled[2]) and re.search(where[1], sampled[3])
                share = next(share for share, where in SHARES.items() if fits(where))
                found[name][share] += float(sampled[1])
    rows = [[share, *(f"{of[share]:.0f}%" for of in found.values())] for share in SHARES]
    report.write("profile", report.table(["share of a node's CPU time", *found], rows), quick)


def main():
    every = {each.__name__: each for each in (requests, checks, refreshes, flood, logouts, memory, profile)}
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("what", nargs="*", help=", ".join(["quick", *every]))
    what = arguments.parse_args().what
    if unknown := set(what) - {"quick", *every}:
        raise SystemExit(f"there is no {', '.join(unknown)}; there are quick, {', '.join(every)}")
    quick = "quick" in what
    build()
    for name in [name for name in what if name != "quick"] or every:
        with tempfile.TemporaryDirectory(prefix="rescind-bench-") as work, Bench(Path(work)) as bench:
            every[name](bench, quick)


if __name__ == "__main__":
    main()
