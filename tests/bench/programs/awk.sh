# SPDX-License-Identifier: LGPL-2.1-or-later
# A text tool: fields, associative arrays, arithmetic.
exec gawk '
  { for (i = 2; i <= NF; i++) { count[$i]++; at[$i] = (at[$i] + $1 * i) % 1000003 } }
  NR % 3 == 0 { gsub(/[aeiou]/, "."); length_sum += length($0) }
  END {
    n = asorti(count, order)
    for (i = 1; i <= n; i++) h = (h * 131 + count[order[i]] + at[order[i]]) % 16777213
    print n, h, length_sum
  }' /bench/text
