# SPDX-License-Identifier: LGPL-2.1-or-later
# Searches: fixed strings, alternatives, a back reference.
a=$(grep -c 'the' /bench/text)
b=$(grep -cE '(st|nd|rd)[aeiou]+ [a-f]{3,}' /bench/text)
c=$(head -n 4000 /bench/text | grep -cE '([a-z]{2})[a-z]*\1')
d=$(grep -ciE 'QUIET|ET[AO]N|zzz' /bench/text)
echo $a $b $c $d
