"""The scripts that the broker runs at once, each as a whole: Lua for Redis or Valkey 6.2 or newer.

Their arguments and answers are made and read by `threadchat.link.scripts`. All keys of a cluster of
servers begin alike, with a prefix:

| key | content |
|---|---|
| `meta` | the format, the epoch and where it began, the run of the broker, the last position; |
| | of each node, the number of its last entry (0: none in this epoch) and of its lines so far; |
| | of each node that is linked, the position up to which it has read the log |
| `log` | the entries, a stream with the ids `<position>-0`; old ones are trimmed |
| `names` | by its fold, who has a name: node, look, person and data, as JSON |
| `looks` | by its look, the fold of a name that somebody has |
| `said` | by room, how many lines were said in this epoch; one that has no name is always there |
| `lease:<node>` | is there as long as the node is linked; the broker's clock lets it expire |

A new epoch begins wherever the broker may have lost something: if there is no data, if it was
started again or its data came from another one (it has another `run_id` or `master_replid` then),
or if the log does not end where it should, or does not hold what a node has read, or if the counts
of what was said are gone. What another program has put behind the end of the log is taken out when
a node enters.

What is put into the log is told by a channel, too. A server that finds a gap there reads the log.

All that is said goes by `POST`. Each call of a command, and each function that is made, costs it
some microseconds. So what it needs of `meta` is one call, and all that is rare is elsewhere.
"""

_NAMES = """
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
"""

_COMMON = (
    """
local meta, log, names, looks, said = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local channel, node, lease, lease_ms, most = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local function text(number) return string.format('%.0f', number) end
local function number_at(field) return tonumber(redis.call('HGET', meta, field) or 0) end
local function renew(it) redis.call('SET', lease .. it, '1', 'PX', lease_ms) end
local function last() return number_at('position') end

local function nodes_with(what)
    local found, length = {}, #what + 1
    for _, field in ipairs(redis.call('HKEYS', meta)) do
        if field:sub(1, length) == what .. ' ' then found[#found + 1] = field:sub(length + 1) end
    end
    return found
end

local function add(kind, author, number)
    local position = text(last() + 1)
    local entry = table.concat({kind, redis.call('HGET', meta, 'epoch'), author, text(number),
        '', '', '', ''}, '\\n')
    redis.call('XADD', log, position .. '-0', 'e', entry)
    redis.call('HSET', meta, 'position', position)
    redis.call('PUBLISH', channel, position .. '\\n' .. entry)
end
"""
    + _NAMES
    + """
local function drop(it)
    redis.call('HDEL', meta, 'read ' .. it)
    redis.call('DEL', lease .. it)
    remove_all_of(it)
    add('gone', it, number_at('number ' .. it))
end

local function done()
    local least = last()
    for _, it in ipairs(nodes_with('read')) do least = math.min(least, number_at('read ' .. it)) end
    return {'done', text(last()), text(least)}
end
"""
)

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

local function tail_in(fields)
    if fields[1] ~= 'e' then return nil end
    local kind, of, author, number =
        fields[2]:match('^([^\\n]*)\\n([^\\n]*)\\n([^\\n]*)\\n([^\\n]*)\\n')
    return kind and of .. ':' .. kind .. ':' .. author .. ':' .. number
end
local function end_of(command, from, to)
    local found = redis.call(command, log, from, to, 'COUNT', 1)[1]
    return found and tonumber(found[1]:match('^%d+')) or 0
end
local function tail_at(it)
    local found = redis.call('XRANGE', log, text(it) .. '-0', text(it) .. '-0')[1]
    return found and tail_in(found[2])
end
local first, top = end_of('XRANGE', '-', '+'), end_of('XREVRANGE', '+', '-')

local function is_whole()
    if distrusts or not now or top ~= last() then return false end
    if redis.call('HGET', meta, 'run') ~= run then return false end
    -- Epochs that an older version has begun do not have this.
    if redis.call('HGET', meta, 'counted') == now and redis.call('HEXISTS', said, '') == 0 then
        return false
    end
    -- A log that was trimmed is as long as it may be.
    if first > number_at('began') and redis.call('XLEN', log) < tonumber(most) then
        return false
    end
    if epoch ~= now then return true end
    if position > top then return false end
    local at = tail_at(position)
    if not at then return position < first end
    return tail == '' or tail == at
end

local function register(it)
    redis.call('HSETNX', meta, 'number ' .. it, '0')
    redis.call('HSET', meta, 'read ' .. it, '0')
    redis.call('SET', lease .. it, '1', 'PX', lease_ms, 'NX')
end

local whole = is_whole()
if not whole and holdings == '' then return {'table'} end
for _, it in ipairs(redis.call('XRANGE', log, text(last()) .. '-1', '+')) do
    if not tail_in(it[2]) then redis.call('XDEL', log, it[1]) end
end
if top >= 2 ^ 52 then
    -- Nothing could be put behind that any more.
    redis.call('DEL', log)
    top = 0
end

if not whole then
    for _, it in ipairs(nodes_with('number')) do redis.call('HSET', meta, 'number ' .. it, '0') end
    if epoch ~= '' then
        redis.call('DEL', names, looks)
        for _, it in ipairs(cjson.decode(holdings)) do put(it[1], {it[2], it[3], it[4], it[5]}) end
    end
    for _, it in ipairs(nodes_with('read')) do register(it) end
    for _, it in ipairs(known) do register(it) end
    redis.call('DEL', said)
    now = candidate
    redis.call('HSET', said, '', '0')
    local start = math.max(last(), top, position)
    redis.call('HSET', meta, 'format', format, 'epoch', now, 'run', run, 'counted', now,
        'position', text(start), 'began', text(start + 1))
    add('epoch', '', 0)
    first, top = end_of('XRANGE', '-', '+'), last()
end

local began = number_at('began')
local start, is_new, is_told = position, redis.call('HEXISTS', meta, 'read ' .. node) == 0, true
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
        if redis.call('HEXISTS', meta, 'number ' .. it) == 0 then register(it) end
    end
end
local number = math.max(number_at('number ' .. node), base)
redis.call('HSET', meta, 'number ' .. node, text(number), 'read ' .. node, text(start))
renew(node)
local answer = {'entered', now, text(start), text(last()), text(number), is_new and '1' or '0'}
if not is_told then
    answer[7] = redis.call('HGETALL', names)
    answer[8] = nodes_with('read')
    answer[9] = {}
    for _, it in ipairs(nodes_with('number')) do
        local known = redis.call('HMGET', meta, 'number ' .. it, 'lines ' .. it)
        answer[9][#answer[9] + 1] = {it, known[1], known[2] or ''}
    end
end
return answer
"""
)

_LINKED = """
if redis.call('HGET', meta, 'epoch') ~= ARGV[6] then
    return {'enter', 'the broker has begun a new epoch'}
end
if redis.call('HEXISTS', meta, 'read ' .. node) == 0 then
    return {'enter', 'the broker took this server to be gone'}
end
"""

POST = (
    """
local meta, log, said = KEYS[1], KEYS[2], KEYS[5]
local channel, node, epoch, given, payload, steps = unpack(ARGV, 1, 6)
local now = redis.call('HMGET', meta, 'epoch', 'position', 'number ' .. node, 'read ' .. node)
if now[1] ~= epoch then return {'enter', 'the broker has begun a new epoch'} end
if not now[4] then return {'enter', 'the broker took this server to be gone'} end
local number, before = tonumber(given), tonumber(now[3])
if number <= before then return 1 end
if number > before + 1 then return {'enter', 'the broker lacks an entry of this server'} end

local firsts, is_first = '', false
for i = 8, #ARGV, 2 do
    local lines = ARGV[i + 1]
    local first = string.format('%.0f', redis.call('HINCRBY', said, ARGV[i], lines) - lines + 1)
    is_first = is_first or first == '1'
    firsts = i == 8 and first or firsts .. ',' .. first
end
if is_first and redis.call('HEXISTS', said, '') == 0
    and redis.call('HGET', meta, 'counted') == epoch then
    return {'enter', 'the broker has lost how many lines were said'}
end
local granted = ''
if steps ~= '' then
    local names, looks = KEYS[3], KEYS[4]
"""
    + _NAMES
    + """
    local function is_others(holding, person)
        return holding and not (holding[1] == node and holding[3] == person)
    end
    local function claim(fold, look, person, data)
        local is_free = not is_others(holding_of(fold), person)
            and not is_others(holding_of(redis.call('HGET', looks, look)), person)
        if is_free then
            remove(fold)
            put(fold, {node, look, person, data})
        end
        granted = granted .. (is_free and '1' or '0')
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
end
local position = string.format('%.0f', now[2] + 1)
-- The payload is JSON, and comes last: no other one has a line feed.
local entry = 'post\\n' .. epoch .. '\\n' .. node .. '\\n' .. given .. '\\n' .. firsts .. '\\n'
    .. granted .. '\\n' .. steps .. '\\n' .. payload
redis.call('XADD', log, position .. '-0', 'e', entry)
redis.call('HSET', meta, 'position', position, 'number ' .. node, given, 'lines ' .. node, ARGV[7])
redis.call('PUBLISH', channel, position .. '\\n' .. entry)
return 1
"""
)

RENEW = (
    _COMMON
    + _LINKED
    + """
redis.call('HSET', meta, 'read ' .. node, ARGV[7])
redis.call('XTRIM', log, 'MAXLEN', '~', most)
renew(node)
for _, it in ipairs(nodes_with('read')) do
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
