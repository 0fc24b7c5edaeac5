# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A bare program: a byte to the UART, then power off. Tells how long a process takes to its guest's
# first instruction. Every hart starts here; the others just wait.
        .globl  _start
_start:
        csrr    t0, mhartid
        bnez    t0, 1f
        li      t0, 0x10000000          # UART, transmit register
        li      t1, '!'
        sb      t1, 0(t0)
        li      t1, '\n'
        sb      t1, 0(t0)
        li      t0, 0x100000            # finisher
        li      t1, 0x5555
        sw      t1, 0(t0)
1:      wfi
        j       1b
