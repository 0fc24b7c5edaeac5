# SPDX-License-Identifier: LGPL-2.1-or-later
# A fast compressor, there and back.
zstd -q -f --single-thread -9 /bench/text -o /tmp/text.zst && zstd -q -dc /tmp/text.zst | sha256sum
