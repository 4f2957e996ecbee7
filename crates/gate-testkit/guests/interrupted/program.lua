-- Coroutines in protected calls in coroutines, stopped while they compute, wait for input, or sleep.
local function nested(depth, n)
  return coroutine.wrap(function()
    for i = 1, n do
      if depth == 0 then
        coroutine.yield(i)
      else
        local inner, sum = nested(depth - 1, n), 0
        while true do
          local ok, value = pcall(inner)
          if not ok then error(value, 0) end
          if not value then break end
          sum = sum + value
        end
        coroutine.yield(sum * i)
      end
    end
  end)
end
local round = 0
for line in io.lines() do
  round = round + 1
  local parts = {}
  local ok, message = pcall(function()
    for value in nested(5, 6) do parts[#parts + 1] = value end
    sleep(50)
    local deep = 0
    local function fall() deep = deep + 1; if deep == 150 then error({ deep = deep }) end; local ok, e = pcall(fall); error(e) end
    fall()
  end)
  print(round, line, table.concat(parts, " "), ok, message.deep)
  io.flush()
end
print("end", round)
