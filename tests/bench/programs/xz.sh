# SPDX-License-Identifier: LGPL-2.1-or-later
# A compressor, there and back.
xz -T1 -3 -c /bench/text > /tmp/text.xz && xz -dc /tmp/text.xz | sha256sum
