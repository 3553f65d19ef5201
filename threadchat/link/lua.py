"""The scripts that the broker runs at once, each as a whole: Lua for Redis or Valkey 6.2 or newer.

Their arguments and answers are made and read by `threadchat.link.scripts`. All keys of a cluster of
servers begin alike, with a prefix:

| key | content |
|---|---|
| `meta` | the format, the epoch and where it began, the run of the broker, the last position |
| `log` | the entries, a stream with the ids `<position>-0`; old ones are trimmed |
| `names` | by its fold, who has a name: node, look, person and data, as JSON |
| `looks` | by its look, the fold of a name that somebody has |
| `nodes` | by node, the number of its last entry; 0: none in this epoch |
| `read` | by node that is linked, the position up to which it has read the log |
| `said` | by room, how many lines were said in this epoch |
| `spoken` | by node, how many lines it has said |
| `lease:<node>` | is there as long as the node is linked; the broker's clock lets it expire |

A new epoch begins wherever the broker may have lost something: if there is no data, if it was
started again or its data came from another one (it has another `run_id` or `master_replid` then),
or if the log does not end where it should, or does not hold what a node has read. What another
program has put behind the end of the log is taken out when a node enters.

What is put into the log is told by a channel, too. A server that finds a gap there reads the log.
"""

_COMMON = """
local meta, log, names, looks = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local nodes, read, said, spoken = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local lease, lease_ms, most = ARGV[1], ARGV[2], ARGV[3]
local channel, node = ARGV[4], ARGV[5]

local function text(number) return string.format('%.0f', number) end
local function number_at(key, field) return tonumber(redis.call('HGET', key, field) or 0) end
local function renew(it) redis.call('SET', lease .. it, '1', 'PX', lease_ms) end
local function last() return number_at(meta, 'position') end

local function add(kind, author, number, payload, steps, firsts, granted)
    local now = redis.call('HMGET', meta, 'position', 'epoch')
    local position, number = text((tonumber(now[1]) or 0) + 1), text(number)
    local fields = {'k', kind, 'e', now[2], 'n', author, 'b', number}
    if payload then
        fields = {'k', kind, 'e', now[2], 'n', author, 'b', number,
            'd', payload, 's', steps, 'f', firsts, 'g', granted}
    end
    redis.call('XADD', log, 'MAXLEN', '~', most, position .. '-0', unpack(fields))
    redis.call('HSET', meta, 'position', position)
    -- The payload is JSON, and comes last: no other one has a line feed.
    redis.call('PUBLISH', channel, table.concat({position, kind, now[2], author, number,
        firsts or '', granted or '', steps or '', payload or ''}, '\\n'))
end

local function put(fold, holding)
    redis.call('HSET', names, fold, cjson.encode(holding))
    redis.call('HSET', looks, holding[2], fold)
end

local function holding_of(fold)
    local found = fold and redis.call('HGET', names, fold)
    return found and cjson.decode(found)
end

local function remove(fold)
    local holding = holding_of(fold)
    if holding then
        redis.call('HDEL', names, fold)
        if redis.call('HGET', looks, holding[2]) == fold then
            redis.call('HDEL', looks, holding[2])
        end
    end
end

local function remove_all_of(it)
    for _, fold in ipairs(redis.call('HKEYS', names)) do
        if holding_of(fold)[1] == it then remove(fold) end
    end
end

local function drop(it)
    redis.call('HDEL', read, it)
    redis.call('DEL', lease .. it)
    remove_all_of(it)
    add('gone', it, number_at(nodes, it))
end

local function done()
    local least = last()
    for _, position in ipairs(redis.call('HVALS', read)) do
        least = math.min(least, tonumber(position))
    end
    return {'done', text(last()), text(least)}
end
"""

ENTER = (
    _COMMON
    + """
local format, epoch, position, tail = ARGV[6], ARGV[7], tonumber(ARGV[8]), ARGV[9]
local base, candidate, known = tonumber(ARGV[10]), ARGV[11], cjson.decode(ARGV[12])
local holdings, distrusts = ARGV[13], ARGV[14] == '1'

local had = redis.call('HGET', meta, 'format')
if had and had ~= format then return {'format', had} end
local info = redis.call('INFO', 'server') .. redis.call('INFO', 'replication')
local run = info:match('run_id:(%w+)') .. info:match('master_replid:(%w+)')
local now = redis.call('HGET', meta, 'epoch')

local function has_field(fields, name)
    for i = 1, #fields, 2 do
        if fields[i] == name then return true end
    end
    return false
end
local function end_of(command, from, to)
    local found = redis.call(command, log, from, to, 'COUNT', 1)[1]
    return found and tonumber(found[1]:match('^%d+')) or 0
end
local function tail_at(it)
    local found = redis.call('XRANGE', log, text(it) .. '-0', text(it) .. '-0')[1]
    if not found then return nil end
    local fields = {}
    for i = 1, #found[2], 2 do fields[found[2][i]] = found[2][i + 1] end
    if not fields.k then return nil end
    return fields.e .. ':' .. fields.k .. ':' .. fields.n .. ':' .. fields.b
end
local first, top = end_of('XRANGE', '-', '+'), end_of('XREVRANGE', '+', '-')

local function is_whole()
    if distrusts or not now or top ~= last() then return false end
    if redis.call('HGET', meta, 'run') ~= run then return false end
    -- A log that was trimmed is as long as it may be.
    if first > number_at(meta, 'began') and redis.call('XLEN', log) < tonumber(most) then
        return false
    end
    if epoch ~= now then return true end
    if position > top then return false end
    local at = tail_at(position)
    if not at then return position < first end
    return tail == '' or tail == at
end

local function register(it)
    redis.call('HSETNX', nodes, it, '0')
    redis.call('HSET', read, it, '0')
    redis.call('SET', lease .. it, '1', 'PX', lease_ms, 'NX')
end

local whole = is_whole()
if not whole and holdings == '' then return {'table'} end
for _, it in ipairs(redis.call('XRANGE', log, text(last()) .. '-1', '+')) do
    if not has_field(it[2], 'k') then redis.call('XDEL', log, it[1]) end
end
if top >= 2 ^ 52 then
    -- Nothing could be put behind that any more.
    redis.call('DEL', log)
    top = 0
end

if not whole then
    for _, it in ipairs(redis.call('HKEYS', nodes)) do redis.call('HSET', nodes, it, '0') end
    if epoch ~= '' then
        redis.call('DEL', names, looks)
        for _, it in ipairs(cjson.decode(holdings)) do put(it[1], {it[2], it[3], it[4], it[5]}) end
    end
    for _, it in ipairs(redis.call('HKEYS', read)) do register(it) end
    for _, it in ipairs(known) do register(it) end
    redis.call('DEL', said)
    now = candidate
    local start = math.max(last(), top, position)
    redis.call('HSET', meta, 'format', format, 'epoch', now, 'run', run,
        'position', text(start), 'began', text(start + 1))
    add('epoch', '', 0)
    first, top = end_of('XRANGE', '-', '+'), last()
end

local began = number_at(meta, 'began')
local start, is_new, is_told = position, redis.call('HEXISTS', read, node) == 0, true
if epoch == '' then
    start, is_new, is_told = last(), true, false
elseif epoch == now then
    is_told = first <= position + 1
else
    is_new = true
    if tail == '' or position >= began or tail_at(position) ~= tail then
        start, is_told = began - 1, false
    end
    for _, it in ipairs(known) do
        if redis.call('HEXISTS', nodes, it) == 0 then register(it) end
    end
end
local number = math.max(number_at(nodes, node), base)
redis.call('HSET', nodes, node, text(number))
redis.call('HSET', read, node, text(start))
renew(node)
local answer = {'entered', now, text(start), text(last()), text(number), is_new and '1' or '0'}
if not is_told then
    answer[7] = redis.call('HGETALL', names)
    answer[8] = redis.call('HKEYS', read)
    answer[9] = {}
    for _, it in ipairs(redis.call('HKEYS', nodes)) do
        local lines = redis.call('HGET', spoken, it) or ''
        answer[9][#answer[9] + 1] = {it, redis.call('HGET', nodes, it), lines}
    end
end
return answer
"""
)

_LINKED = """
if redis.call('HGET', meta, 'epoch') ~= ARGV[6] then
    return {'enter', 'the broker has begun a new epoch'}
end
if redis.call('HEXISTS', read, node) == 0 then
    return {'enter', 'the broker took this server to be gone'}
end
"""

POST = (
    _COMMON
    + _LINKED
    + """
local number, payload, counts, steps = tonumber(ARGV[7]), ARGV[8], ARGV[9], ARGV[10]
local lines = ARGV[11]
local before = number_at(nodes, node)
if number <= before then return done() end
if number > before + 1 then return {'enter', 'the broker lacks an entry of this server'} end

local function is_others(holding, person)
    return holding and not (holding[1] == node and holding[3] == person)
end
local granted = {}
local function claim(fold, look, person, data)
    local is_free = not is_others(holding_of(fold), person)
        and not is_others(holding_of(redis.call('HGET', looks, look)), person)
    if is_free then
        remove(fold)
        put(fold, {node, look, person, data})
    end
    granted[#granted + 1] = is_free and '1' or '0'
end
for _, it in ipairs(cjson.decode(steps)) do
    local holding = it[1] ~= 'sync' and holding_of(it[2])
    if it[1] == 'claim' then
        claim(it[2], it[3], it[4], it[5])
    elseif it[1] == 'update' and holding and not is_others(holding, it[3]) then
        put(it[2], {node, holding[2], it[3], it[4]})
    elseif it[1] == 'release' and holding and not is_others(holding, it[3]) then
        remove(it[2])
    elseif it[1] == 'sync' then
        remove_all_of(node)
        for _, one in ipairs(it[2]) do claim(one[1], one[2], one[3], one[4]) end
    end
end
local firsts = {}
for _, it in ipairs(cjson.decode(counts)) do
    firsts[#firsts + 1] = text(redis.call('HINCRBY', said, it[1], it[2]) - it[2] + 1)
end
redis.call('HSET', nodes, node, text(number))
redis.call('HSET', spoken, node, lines)
add('post', node, number, payload, steps, table.concat(firsts, ','), table.concat(granted, ''))
return done()
"""
)

RENEW = (
    _COMMON
    + _LINKED
    + """
redis.call('HSET', read, node, ARGV[7])
renew(node)
for _, it in ipairs(redis.call('HKEYS', read)) do
    if redis.call('EXISTS', lease .. it) == 0 then drop(it) end
end
return done()
"""
)

LEAVE = (
    _COMMON
    + _LINKED
    + """
drop(node)
return done()
"""
)

SCRIPTS = {"enter": ENTER, "post": POST, "renew": RENEW, "leave": LEAVE}
"""The scripts by their names."""
