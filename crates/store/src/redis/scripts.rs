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

/// The table of holders of this log, this server and this timeline of the database, which is begun under another name if it
/// was lost. On another timeline positions are given again, so entries and rows of an earlier one say nothing. Nothing if
/// another database uses this server.
const TABLE: &str = r"
local function table_of(log, timeline, nonce, holders, newest)
    local marked = read_mark(KEYS[1])
    if log == '' or (marked and marked ~= log) then
        return ''
    end
    local of = table.concat({log, server, timeline, ''}, ' ')
    local term = redis.call('HGET', holders, 'term')
    if not term or string.sub(term, 1, #of) ~= of then
        redis.call('DEL', holders, newest)
        -- A command may be sent twice, and the table be lost in between.
        local now = redis.call('TIME')
        term = of .. nonce .. '.' .. now[1] .. '.' .. now[2]
        redis.call('HSET', holders, 'term', term, 'head', '0')
    end
    return term
end
";

/// Stores an entry in a key, and puts it down for the index. Of two values the later one stays. The index gets many at
/// once, since each command of a script costs as much as what it does, and lasts as long as the last of them.
const KEEP: &str = r"
local kept_now, longest = {}, -1
local function add_to(index)
    for i = 1, #kept_now, 1000 do
        redis.call('ZADD', index, unpack(kept_now, i, math.min(i + 999, #kept_now)))
    end
    if longest > redis.call('PTTL', index) then
        redis.call('PEXPIRE', index, string.format('%.0f', longest))
    end
end
local function keep(key, ends, stays)
    -- Usually the entry is new, and one command writes it.
    if not redis.call('SET', key, ends, 'PX', stays, 'NX') then
        local kept = redis.call('GET', key)
        if kept and (tonumber(kept) or 0) > tonumber(ends) then
            ends = kept
        end
        stays = string.format('%.0f', math.max(tonumber(stays), redis.call('PTTL', key)))
        redis.call('SET', key, ends, 'PX', stays)
    end
    kept_now[#kept_now + 1] = ends
    kept_now[#kept_now + 1] = key
    longest = math.max(longest, tonumber(stays))
end
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
/// (`fill`: the claim is valid; `advance`: the copy is complete up to the start of the page), the position
/// before the page, the position and the id of its last entry; then for each entry its `until` and how long Redis keeps
/// it. Of two values for an entry the later one stays. Returns in which life it ran, and whether the condition held.
pub(super) static INSERT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WHO,
        KEEP,
        r"
local holds = false
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
for i = 4, #KEYS do
    keep(KEYS[i], ARGV[2 * i + 1], ARGV[2 * i + 2])
end
add_to(KEYS[3])
-- Last, so that a replica that has the mark has the entries.
if ARGV[5] == 'advance' and tonumber(position) < tonumber(ARGV[7]) then
    redis.call('SET', KEYS[1], table.concat({log, server, ARGV[7], ARGV[8]}, ' '), 'PX', ARGV[4])
end
return {server, 1}
",
    ])
});

/// A logout. Keys: mark, index, holders, newest entries, entries. Arguments: log, its timeline, a nonce, the last position;
/// then for each entry its `until`, how long Redis keeps it, and its text for the newest entries. Returns in which life it
/// ran, and the table of holders.
pub(super) static REVOKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WHO,
        TABLE,
        KEEP,
        r"
-- The entries first: with full memory Redis refuses the first write of a script, and no later one.
for i = 5, #KEYS do
    keep(KEYS[i], ARGV[3 * i - 10], ARGV[3 * i - 9])
end
add_to(KEYS[2])
local term = table_of(ARGV[1], ARGV[2], ARGV[3], KEYS[3], KEYS[4])
if term == '' then
    return {server, '', {}}
end
if tonumber(redis.call('HGET', KEYS[3], 'head')) < tonumber(ARGV[4]) then
    redis.call('HSET', KEYS[3], 'head', ARGV[4])
end
local fields, has_holder = redis.call('HGETALL', KEYS[3]), false
for i = 2, #fields, 2 do
    has_holder = has_holder or string.match(fields[i], '^%d+ [1-9]%d* %d+ ')
end
-- A node that registers later reads the log.
if has_holder then
    for i = 5, #KEYS do
        redis.call('XADD', KEYS[4], 'MAXLEN', 64, '*', term, ARGV[3 * i - 8])
    end
end
return {server, term, fields}
",
    ])
});

/// A node's row in the table. Keys: mark, holders, newest entries, applied. Arguments: log, its timeline, a nonce, the trusted
/// life, the node, the number of this renewal, its lease, how far it has applied the log and in which table, its release,
/// the lifetime of the table. Returns the table (nothing if a later renewal was here before), its head, whether the copy is
/// complete, and the newest entries that the node lacks.
pub(super) static RENEW: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        WHO,
        TABLE,
        r"
local term = ''
if role == 'master' and server == ARGV[4] then
    term = table_of(ARGV[1], ARGV[2], ARGV[3], KEYS[2], KEYS[3])
end
local before = term ~= '' and redis.call('HGET', KEYS[2], ARGV[5])
-- One that was late on its way must not replace a later one, which may have a lease.
local is_late = before and tonumber(string.match(before, '^%d+')) > tonumber(ARGV[6])
if term == '' or is_late then
    return {'', 0, 0, {}, {}}
end
local applied = ARGV[9] == term and ARGV[8] or '0'
redis.call('HSET', KEYS[2], ARGV[5], table.concat({ARGV[6], ARGV[7], applied, ARGV[10]}, ' '))
redis.call('PEXPIRE', KEYS[2], ARGV[11])
redis.call('PEXPIRE', KEYS[3], ARGV[11])
if before and string.match(before, '^%d+ %d+ (%d+)') ~= applied then
    -- Revokers that wait for it look at the table.
    redis.call('XADD', KEYS[4], 'MAXLEN', 1, '*', ARGV[5], applied)
    redis.call('PEXPIRE', KEYS[4], ARGV[11])
end
local log, life = read_mark(KEYS[1])
local head, newest = tonumber(redis.call('HGET', KEYS[2], 'head')), {}
if head > tonumber(applied) and tonumber(ARGV[7]) > 0 then
    for _, entry in ipairs(redis.call('XRANGE', KEYS[3], '-', '+')) do
        if entry[2][1] == term then
            newest[#newest + 1] = entry[2][2]
        end
    end
end
return {term, head, (log == ARGV[1] and life == server) and 1 or 0, redis.call('HGETALL', KEYS[2]), newest}
",
    ])
});

/// Keys: holders. Arguments: the table; then for each row the node and the number of its renewal. Removes the rows that
/// are still of that renewal, and returns their number.
pub(super) static FORGET: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[r"
local removed = 0
if redis.call('HGET', KEYS[1], 'term') == ARGV[1] then
    for i = 2, #ARGV, 2 do
        local row = redis.call('HGET', KEYS[1], ARGV[i])
        if row and string.match(row, '^%d+') == ARGV[i + 1] then
            removed = removed + redis.call('HDEL', KEYS[1], ARGV[i])
        end
    end
end
return removed
"])
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
