//! The operations that Redis must do atomically.
//!
//! Redis runs a script alone: no other command, and no failover, comes between its reads and its writes. A claim, a
//! page and the mark need that. Each script except [`RAISE`] identifies the server *inside*, so a connection that was
//! replaced unnoticed cannot put one server's name on another's copy.
//!
//! The name is `run_id` and `master_replid` together. The first is drawn when a server process starts. The second
//! changes when a replica is promoted: a server that was demoted, refilled from its successor, and promoted again is
//! the same process with other data. (It also changes an hour after a primary's last replica has left. That costs one
//! rebuild.)

use std::sync::LazyLock;

use deadpool_redis::redis;

/// A script, and the name under which Redis remembers it.
pub(super) struct Script {
    pub(super) code: String,
    pub(super) hash: String,
}

impl Script {
    fn new(parts: &[&str]) -> Self {
        let code = parts.concat();
        let hash = redis::Script::new(&code).get_hash().to_owned();
        Self { code, hash }
    }
}

/// The server's name, and the parsing of a mark. The pattern is that of [`mark`](super::mark).
const WHO: &str = r"
local function tells(section, name)
    return string.match(redis.call('INFO', section), '\n' .. name .. ':([^\r\n]+)')
end
local run, history = tells('server', 'run_id'), tells('replication', 'master_replid')
local role = tells('replication', 'role')
if not (run and history and role) then
    return redis.error_reply('ERR this server does not tell who it is (INFO server, INFO replication)')
end
local server = run .. '/' .. history
local function read_mark(key)
    local mark = redis.call('GET', key)
    if mark then
        return string.match(mark, '^(%S+) (%S+) (%d+) (%S+)$')
    end
end
";

/// The eviction policy.
const POLICY: &str = r"
local policy = tells('memory', 'maxmemory_policy') or 'unknown'
";

/// The first check of a new connection.
pub(super) static LOOK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WHO,
        POLICY,
        r"
return {role, server, policy}
",
    ])
});

/// The start of a sync. Keys: mark, claim. Arguments: log, nonce, lifetime of a claim, lifetime of a mark, the trusted
/// life. Also returns the place of the mark if the copy is complete.
pub(super) static CLAIM: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WHO,
        POLICY,
        r"
local function answer(outcome, position, entry)
    return {role, server, policy, outcome, position or '0', entry or '-'}
end
if role ~= 'master' then
    return answer('')
end
if policy ~= 'noeviction' then
    -- What was evicted meanwhile is not known.
    redis.call('DEL', KEYS[1])
    return answer('')
end
if server ~= ARGV[5] then
    return answer('another life')
end
local log, life, position, entry = read_mark(KEYS[1])
if log == ARGV[1] then
    -- The data of a server that was promoted or restarted is a prefix of its earlier history.
    local previous = tells('replication', 'master_replid2')
    if life == server or (previous and string.match(life, '/(.*)$') == previous) then
        redis.call('SET', KEYS[1], table.concat({log, server, position, entry}, ' '), 'PX', ARGV[4])
        return answer('complete', position, entry)
    end
end
-- Another database's nodes have renewed their mark within the time that a claim stands: they are alive.
if log and log ~= ARGV[1] and redis.call('PTTL', KEYS[1]) > ARGV[4] - ARGV[3] then
    return answer('in use')
end
local claim = redis.call('GET', KEYS[2])
local ours = table.concat({ARGV[1], server, ARGV[2]}, ' ')
-- A claim that was made in another life of the server, or under another one's, counts for nothing.
local of_this_life = claim and string.find(claim, ' ' .. server .. ' ', 1, true)
if of_this_life and claim ~= ours then
    return answer('by another')
end
redis.call('SET', KEYS[2], ours, 'PX', ARGV[3])
redis.call('DEL', KEYS[1])
return answer('to be filled')
",
    ])
});

/// Keys: mark, claim, index, entries. Arguments: log, nonce, lifetime of a claim, lifetime of a mark; the condition
/// (`always`; `fill`: the claim is valid; `advance`: the copy is complete up to the start of the page), the position
/// before the page, the position and the id of its last entry; then for each entry its `until` and how long Redis keeps
/// it. Of two values for an entry the later one stays. Returns in which life it ran, and whether the condition held.
pub(super) static INSERT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WHO,
        r"
local holds = ARGV[5] == 'always'
local log, life, position = read_mark(KEYS[1])
if ARGV[5] == 'fill' then
    holds = redis.call('GET', KEYS[2]) == table.concat({ARGV[1], server, ARGV[2]}, ' ')
    if holds then
        redis.call('PEXPIRE', KEYS[2], ARGV[3])
    end
elseif ARGV[5] == 'advance' then
    holds = log == ARGV[1] and life == server and tonumber(position) >= tonumber(ARGV[6])
end
if not holds then
    return {server, 0}
end
local longest = -1
for i = 4, #KEYS do
    local key, ends, stays = KEYS[i], ARGV[2 * i + 1], tonumber(ARGV[2 * i + 2])
    local kept = redis.call('GET', key)
    if kept and (tonumber(kept) or 0) > tonumber(ends) then
        ends = kept
    end
    stays = math.max(stays, redis.call('PTTL', key))
    redis.call('SET', key, ends, 'PX', string.format('%.0f', stays))
    redis.call('ZADD', KEYS[3], ends, key)
    longest = math.max(longest, stays)
end
if longest > redis.call('PTTL', KEYS[3]) then
    redis.call('PEXPIRE', KEYS[3], string.format('%.0f', longest))
end
-- Last, so that a replica that has the mark has the entries.
if ARGV[5] == 'advance' and tonumber(position) < tonumber(ARGV[7]) then
    redis.call('SET', KEYS[1], table.concat({log, server, ARGV[7], ARGV[8]}, ' '), 'PX', ARGV[4])
end
return {server, 1}
",
    ])
});

/// The end of a sync. Keys: mark, claim. Arguments: log, nonce, lifetime of a mark, the position and the id of the last
/// entry, `fill` or `advance`. After a fill the mark is set if the claim is valid; after an advance the copy must still
/// be complete.
pub(super) static COMPLETE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WHO,
        r"
if ARGV[6] == 'advance' then
    local log, life, position = read_mark(KEYS[1])
    local stands = log == ARGV[1] and life == server and tonumber(position) >= tonumber(ARGV[4])
    return {server, stands and 1 or 0}
end
if redis.call('GET', KEYS[2]) ~= table.concat({ARGV[1], server, ARGV[2]}, ' ') then
    return {server, 0}
end
redis.call('SET', KEYS[1], table.concat({ARGV[1], server, ARGV[4], ARGV[5]}, ' '), 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
return {server, 1}
",
    ])
});

/// Keys: mark, index; the index names the entries, which are in the same slot. Arguments: now, how many at most, the
/// log, the life. Removes nothing if the mark differs.
pub(super) static PRUNE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WHO,
        r"
local log, life = read_mark(KEYS[1])
if log ~= ARGV[3] or life ~= ARGV[4] or server ~= ARGV[4] then
    return 0
end
local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, key in ipairs(due) do
    redis.call('DEL', key)
    redis.call('ZREM', KEYS[2], key)
end
return #due
",
    ])
});

/// Keys: position, newest instant. Arguments: their minimum, and whether to replace instead of raise. Returns the new
/// values.
pub(super) static RAISE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[r"
local now, exactly = {}, ARGV[3] == '1'
for i = 1, 2 do
    local given, kept = tonumber(ARGV[i]), tonumber(redis.call('GET', KEYS[i])) or 0
    now[i] = exactly and given or math.max(given, kept)
    if now[i] ~= kept then
        redis.call('SET', KEYS[i], string.format('%.0f', now[i]))
    end
end
return now
"])
});
