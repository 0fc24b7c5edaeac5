# SPDX-License-Identifier: LGPL-2.1-or-later
# The compiler proper: preprocess, optimise, write assembly. The output differs by architecture, so
# only what the program defines is printed.
cd /tmp
gcc -O2 -S /bench/compile.c -o /tmp/compile.s || exit 1
grep -c 'globl' /tmp/compile.s
