# SPDX-License-Identifier: LGPL-2.1-or-later
# A shell script as build systems run them: many small processes.
cd /tmp
i=0
while [ $i -lt 40 ]; do
  mkdir -p d$((i % 7))
  echo "line $i" | sed 's/line/file/' > d$((i % 7))/f$i
  n=$(expr $i + 1)
  test -f d$((i % 7))/f$i && i=$n
done
find d0 d1 d2 d3 d4 d5 d6 -type f | sort | xargs cat | sha256sum
rm -r d0 d1 d2 d3 d4 d5 d6
