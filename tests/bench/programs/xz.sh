# SPDX-License-Identifier: LGPL-2.1-or-later
# A compressor, there and back.
head -n 8000 /bench/text > /tmp/part
xz -T1 -2 -c /tmp/part > /tmp/part.xz && xz -dc /tmp/part.xz | sha256sum
