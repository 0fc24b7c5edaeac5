# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A guest for tests of the daemon, a supervisor-mode kernel on the built-in SBI. It prints "ready",
# then answers each byte it reads on the UART:
#
#   p  powers off    r  reboots    c  reports a failure
#   others           the byte and how many there were so far, as one digit
        .equ    UART, 0x10000000
        .equ    FINISHER, 0x100000
        .equ    NAP, 20000              # ticks of 100 ns

        .section .text.start, "ax"
        .globl  _start
_start:
        li      s0, UART
        li      s1, 0
        li      t0, 1 << 5              # STIE: a timer ends wfi, but no trap is taken
        csrs    sie, t0
        lla     s2, greeting
1:      lbu     a1, 0(s2)
        beqz    a1, listen
        sb      a1, 0(s0)
        addi    s2, s2, 1
        j       1b

listen:
        lbu     t0, 5(s0)
        andi    t0, t0, 1
        beqz    t0, nap
        lbu     a1, 0(s0)
        li      t1, 'p'
        li      t2, 0x5555
        beq     a1, t1, finish
        li      t1, 'r'
        li      t2, 0x7777
        beq     a1, t1, finish
        li      t1, 'c'
        li      t2, 0x13333
        beq     a1, t1, finish
        sb      a1, 0(s0)
        addi    s1, s1, 1
        li      t0, 10
        remu    t0, s1, t0
        addi    t0, t0, '0'
        sb      t0, 0(s0)
        j       listen

nap:    rdtime  a0
        li      t0, NAP
        add     a0, a0, t0
        li      a7, 0                   # SBI's legacy set_timer
        ecall
        wfi
        j       listen

finish: li      t0, FINISHER
        sw      t2, 0(t0)
        j       finish

greeting:
        .asciz  "ready\n"
