/**
 * Takes of all limits, or of none: what `meter.ts` does in memory, in one step of Redis. A rate is a string with the
 * instant at which it is paid back; a window is a hash with what was taken by slot, the sum `s`, the first slot `f`
 * and the last `l`.
 *
 * `KEYS`: one for each limit. `ARGV`: the instant, in milliseconds after the epoch of rates; then six for each limit:
 * `r`, the milliseconds that the burst gives (0 or less), the milliseconds that the cost takes, two unused, and how
 * long the key lives; or `w`, the quota, the cost, the slot, the latest slot that is out of the window, and that life.
 *
 * Gives nothing when all is taken; otherwise a text for each limit: empty where there is room, or the instant or
 * the slot that it waits for.
 */
export const TAKE_SCRIPT = `
local now = tonumber(ARGV[1])
local paid, last, waits, refused = {}, {}, {}, false

-- Forgets what is out of the window; gives the sum, the first and the last slot.
local function trimmed(key, out)
  local head = redis.call('HMGET', key, 's', 'f', 'l')
  if not head[1] then return 0, nil, nil end
  local sum, first, final = tonumber(head[1]), tonumber(head[2]), tonumber(head[3])
  if final <= out then
    redis.call('DEL', key)
    return 0, nil, nil
  end
  local begun = first
  while first < final do
    local count = redis.call('HGET', key, first)
    if count and first > out then break end
    if count then
      redis.call('HDEL', key, first)
      sum = redis.call('HINCRBY', key, 's', '-' .. count)
    end
    first = first + 1
  end
  if first ~= begun then redis.call('HSET', key, 'f', first) end
  return sum, first, final
end

for i, key in ipairs(KEYS) do
  local at = 6 * i - 4
  waits[i] = ''
  if ARGV[at] == 'r' then
    local before = tonumber(redis.call('GET', key) or ARGV[1])
    if before < now then before = now end
    paid[i] = before
    local free = before + tonumber(ARGV[at + 1])
    if free - now > 0.001 then
      waits[i] = string.format('%.17g', free)
      refused = true
    end
  else
    local sum, first, final = trimmed(key, tonumber(ARGV[at + 4]))
    last[i] = final or false
    local excess = sum + tonumber(ARGV[at + 2]) - tonumber(ARGV[at + 1])
    if excess > 0 then
      refused = true
      for slot = first or 0, final or -1 do
        excess = excess - tonumber(redis.call('HGET', key, slot) or '0')
        if excess <= 0 then
          waits[i] = string.format('%.0f', slot)
          break
        end
      end
    end
  end
end

if refused then return waits end

for i, key in ipairs(KEYS) do
  local at = 6 * i - 4
  if paid[i] then
    local back = paid[i] + tonumber(ARGV[at + 2])
    redis.call('SET', key, string.format('%.17g', back), 'PX', ARGV[at + 5])
  else
    -- A clock that goes back adds to the latest slot.
    local slot = tonumber(ARGV[at + 3])
    if last[i] and last[i] > slot then slot = last[i] end
    if not last[i] then redis.call('HSET', key, 'f', slot) end
    redis.call('HINCRBY', key, slot, ARGV[at + 2])
    redis.call('HINCRBY', key, 's', ARGV[at + 2])
    redis.call('HSET', key, 'l', slot)
    redis.call('PEXPIRE', key, ARGV[at + 5])
  end
end
return nil
`
