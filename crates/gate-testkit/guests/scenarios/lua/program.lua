-- Coroutines, protected calls, closures, metatables, string functions, files: what Lua programs are made of.
local function permutations(list)
  local function permute(n)
    if n == 0 then coroutine.yield(table.concat(list, " ")) end
    for i = 1, n do
      list[n], list[i] = list[i], list[n]
      permute(n - 1)
      list[n], list[i] = list[i], list[n]
    end
  end
  return coroutine.wrap(function() permute(#list) end)
end
for p in permutations { "a", "b", "c" } do print(p) end

-- Errors: values, positions, through coroutines, in handlers, in finalized resources.
print(pcall(error, { code = 7 }) == false, select(2, pcall(error, { code = 7 })).code)
print(select(2, pcall(function() local t = nil; return t.x end)))
print(select(2, pcall(function() error("with position") end)))
print(select(2, pcall(function() error("without", 0) end)))
print(xpcall(function() error("deep", 0) end, function(m) return "handled " .. m end))
local co = coroutine.create(function() coroutine.yield(1); error("inside") end)
print(coroutine.resume(co))
print(coroutine.resume(co))
print(coroutine.resume(co))
print(coroutine.status(co))
local closed = {}
pcall(function()
  local guard <close> = setmetatable({}, { __close = function(_, e) closed[1] = tostring(e):match("leaving") end })
  error("leaving")
end)
print("closed with", closed[1])
local depth = 0
local function nest() depth = depth + 1; local ok, e = pcall(nest); if not ok then error(e, 0) end end
print(pcall(nest) == false, depth > 100)
local function overflow() return 1 + overflow() end
print((select(2, pcall(overflow)):match("stack overflow")))
local caught = 0
for i = 1, 20000 do if not pcall(error, i) then caught = caught + 1 end end
print(caught)

-- Closures and metatables.
local function counter()
  local n = 0
  return function() n = n + 1; return n end, function() return n end
end
local up, now = counter()
up(); up()
print(now())
local vector = {}
vector.__index = vector
vector.__add = function(a, b) return setmetatable({ x = a.x + b.x, y = a.y + b.y }, vector) end
vector.__eq = function(a, b) return a.x == b.x and a.y == b.y end
vector.__tostring = function(v) return ("(%g, %g)"):format(v.x, v.y) end
vector.__call = function(v, s) return setmetatable({ x = v.x * s, y = v.y * s }, vector) end
local v = setmetatable({ x = 1, y = 2.5 }, vector)
print(tostring(v + v), v + v == v(2), tostring(v(-3)))

-- Numbers and strings.
print(string.format("%5d|%-5d|%05.1f|%x|%q|%s|%10.3s|%g|%a", 42, 42, 3.14159, 255, 'say "hi"\n', nil, "abcdef", 1e20, 0.5))
print(7 // 2, -7 // 2, 7 % -3, 7.0 // 2, 1 / 0, 3 | 8, 1 << 62, 2 ^ 10, 10 / 2, math.maxinteger + 1 == math.mininteger)
print(math.type(1), math.type(1.0), math.tointeger(3.0), tonumber("0x1p4"), tonumber("z", 36), tonumber("8", 8))
print(("The Quick Brown Fox"):gsub("%w+", function(w) return w:sub(1, 1):lower() .. w:sub(2):upper() end))
for k, val in ("a=1, b=22, c=333"):gmatch("(%w+)=(%w+)") do io.write(k, ":", val, " ") end
print()
print(("x"):rep(3, ","), ("hello"):byte(1, -1))
print(utf8.char(72, 228, 8364, 128512), utf8.len("häß€"), #"häß€")
print(string.pack("<i4z", 1000, "end"):byte(1, -1))
print(string.unpack("<i4z", string.pack("<i4z", -5, "tail")))

-- Tables and sorting.
local words = {}
for line in io.lines() do for w in line:gmatch("%a+") do words[w:lower()] = (words[w:lower()] or 0) + 1 end end
local keys = {}
for w in pairs(words) do keys[#keys + 1] = w end
table.sort(keys, function(a, b) return words[a] > words[b] or words[a] == words[b] and a < b end)
for i = 1, 5 do io.write(keys[i], " ", words[keys[i]], "; ") end
print(#keys)
print(table.concat(table.move({ 1, 2, 3, 4 }, 2, 4, 1), ","), select("#", table.unpack({ 1, nil, 3 }, 1, 3)))

-- Files, and code made at run time.
local f <close> = assert(io.open("/data/out.txt", "w"))
for i = 1, 1000 do f:write(i * i, "\n") end
f:flush()
local sum = 0
for n in io.lines("/data/out.txt", "n") do sum = sum + n end
print(sum, f:seek("end"))
print(io.open("/data/absent.txt"))
print(load("local a, b = ... return a * b")(6, 7), load("return +"))
print(os.rename("/data/out.txt", "/data/kept.txt"), os.remove("/data/out.txt"))
print(os.time { year = 2024, month = 2, day = 29, hour = 12 }, os.date("!%Y-%m-%d", 951782400), os.getenv("LABEL"))

-- Garbage: weak tables and finalizers.
local weak = setmetatable({}, { __mode = "v" })
for i = 1, 1000 do weak[i] = { i } end
local finalized = 0
do local _ = setmetatable({}, { __gc = function() finalized = finalized + 1 end }) end
collectgarbage()
collectgarbage()
print(next(weak), finalized)
print(arg[0], arg[1], #arg, _VERSION)
