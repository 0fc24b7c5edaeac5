# SPDX-License-Identifier: LGPL-2.1-or-later
# File tools in a pipe: split, sort, count, sort by number, join lines.
cut -d' ' -f2- /bench/text | head -n 30000 | tr ' ' '\n' | sort | uniq -c | sort -k1,1nr -k2 | sha256sum
