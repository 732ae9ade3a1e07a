//! What Redis is asked to do in one piece.
//!
//! Redis runs a script alone: nothing comes between its reads and its writes, not even a failover. That is what a claim, a
//! page and the mark need. Each script but [`PRUNE`] asks the server who it is *inside*, so a connection that was replaced
//! unnoticed cannot put one server's name on another's copy.
//!
//! The name is `run_id` and `master_replid` together. The first is drawn when a server process starts. The second changes
//! when a replica is promoted: a server that was demoted, refilled from its successor, and promoted again is the same
//! process with other data. (It also changes an hour after a primary's last replica has left. That costs one rebuild.)

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

/// Who the server is.
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
";

/// What becomes of entries when the memory is full.
const POLICY: &str = r"
local policy = tells('memory', 'maxmemory_policy') or 'unknown'
";

/// Asked once of each connection: its role, its name, and whether it evicts. One key, so that a cluster knows whom to ask.
pub(super) static LOOK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WHO,
        POLICY,
        r"
return {role, server, policy}
",
    ])
});

/// A check where no connection stands for a server: the answer of `MGET`, and who gave it.
pub(super) static CHECK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WHO,
        r"
if role ~= 'master' then
    return redis.error_reply('READONLY revocations are on the primary only')
end
local found = redis.call('MGET', KEYS[1], KEYS[2], KEYS[3])
return {server, found[1], found[2], found[3]}
",
    ])
});

/// Keys: mark, claim. Arguments: log, nonce, how long a claim stands, how long a mark does.
pub(super) static CLAIM: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WHO,
        POLICY,
        r"
if role ~= 'master' then
    return {role, server, policy, ''}
end
if policy ~= 'noeviction' then
    -- What was evicted meanwhile nobody knows.
    redis.call('DEL', KEYS[1])
    return {role, server, policy, ''}
end
local mark = ARGV[1] .. ' ' .. server
local found = redis.call('GET', KEYS[1])
if found == mark then
    redis.call('PEXPIRE', KEYS[1], ARGV[4])
    return {role, server, policy, 'whole'}
end
-- Another database's nodes have renewed their mark within the time that a claim stands: they are alive.
local of_another_log = found and string.sub(found, 1, #ARGV[1]) ~= ARGV[1]
if of_another_log and redis.call('PTTL', KEYS[1]) > ARGV[4] - ARGV[3] then
    return {role, server, policy, 'in use'}
end
local claim = redis.call('GET', KEYS[2])
local ours = mark .. ' ' .. ARGV[2]
-- A claim that was made in another life of the server, or under another one's, is nobody's.
local of_this_life = claim and string.find(claim, ' ' .. server .. ' ', 1, true)
if of_this_life and claim ~= ours then
    return {role, server, policy, 'by another'}
end
redis.call('SET', KEYS[2], ours, 'PX', ARGV[3])
redis.call('DEL', KEYS[1])
return {role, server, policy, 'to be filled'}
",
    ])
});

/// Keys: claim, index, entries. Arguments: log and nonce of a claim or nothing, how long a claim stands; then for each
/// entry its `until` and how long it stays by itself. The later of two of each stays.
pub(super) static INSERT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WHO,
        r"
local stands = 0
if ARGV[1] ~= '' and redis.call('GET', KEYS[1]) == ARGV[1] .. ' ' .. server .. ' ' .. ARGV[2] then
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
    stands = 1
end
local longest = -1
for i = 3, #KEYS do
    local key, ends, stays = KEYS[i], ARGV[2 * i - 2], tonumber(ARGV[2 * i - 1])
    local kept = redis.call('GET', key)
    if kept and (tonumber(kept) or 0) > tonumber(ends) then
        ends = kept
    end
    stays = math.max(stays, redis.call('PTTL', key))
    redis.call('SET', key, ends, 'PX', string.format('%.0f', stays))
    redis.call('ZADD', KEYS[2], ends, key)
    longest = math.max(longest, stays)
end
if longest > redis.call('PTTL', KEYS[2]) then
    redis.call('PEXPIRE', KEYS[2], string.format('%.0f', longest))
end
return stands
",
    ])
});

/// Keys: mark, claim. Arguments: log, nonce, how long a mark stands.
pub(super) static COMPLETE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WHO,
        r"
local mark = ARGV[1] .. ' ' .. server
if redis.call('GET', KEYS[2]) ~= mark .. ' ' .. ARGV[2] then
    return 0
end
redis.call('SET', KEYS[1], mark, 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
return 1
",
    ])
});

/// Keys: index; it names the entries, which are in its slot. Arguments: now, how many at most.
pub(super) static PRUNE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[r"
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, key in ipairs(due) do
    redis.call('DEL', key)
    redis.call('ZREM', KEYS[1], key)
end
return #due
"])
});

/// Keys: position, newest instant. Arguments: the least that they are, and whether that is all. Returns what they are now.
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
