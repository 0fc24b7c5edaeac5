# SPDX-License-Identifier: LGPL-2.1-or-later
# Archive and compress a tree of headers, list it again.
cd /usr/include
tar cf /tmp/include.tar --sort=name asm-generic linux && gzip -6 < /tmp/include.tar > /tmp/include.tgz
tar tzf /tmp/include.tgz | wc -l
