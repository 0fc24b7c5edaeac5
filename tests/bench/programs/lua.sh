# SPDX-License-Identifier: LGPL-2.1-or-later
# A small fast interpreter: tables, closures, floating point.
exec lua5.4 - <<'END'
local function fft (re, im, n)
  local j = 0
  for i = 0, n - 2 do
    if i < j then
      re[i], re[j] = re[j], re[i]
      im[i], im[j] = im[j], im[i]
    end
    local m = n >> 1
    while m >= 1 and j & m ~= 0 do
      j = j ~ m
      m = m >> 1
    end
    j = j | m
  end
  local len = 2
  while len <= n do
    local angle = -2 * math.pi / len
    for i = 0, n - 1, len do
      for k = 0, len // 2 - 1 do
        local c, s = math.cos (angle * k), math.sin (angle * k)
        local a, b = i + k, i + k + len // 2
        local xr, xi = re[b] * c - im[b] * s, re[b] * s + im[b] * c
        re[b], im[b] = re[a] - xr, im[a] - xi
        re[a], im[a] = re[a] + xr, im[a] + xi
      end
    end
    len = len * 2
  end
end
local re, im, n = {}, {}, 4096
for i = 0, n - 1 do re[i] = i % 17 - 8; im[i] = 0 end
for _ = 1, 6 do fft (re, im, n) ; for i = 0, n - 1 do re[i] = re[i] / 64; im[i] = im[i] / 64 end end
local words, sum = {}, 0
for line in io.lines ("/bench/text") do
  for w in line:gmatch ("%a+") do words[w] = (words[w] or 0) + 1 end
  sum = sum + #line
  if sum > 1200000 then break end
end
local list = {}
for w, c in pairs (words) do list[#list + 1] = string.format ("%s:%d", w, c) end
table.sort (list)
print (sum, #list, list[1], list[#list], string.format ("%.3f", re[1]))
END
