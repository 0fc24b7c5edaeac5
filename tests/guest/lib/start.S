# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Entry, trap vector and mode switch of the guest tests.
#
#   _start   every hart: stack and hart block, then main() on hart 0 and hart_main() on the others
#   vector   saves the registers, calls trap_taken() and goes where that says
#   enter()  leaves machine mode and comes back with the first trap
#
# tp holds the hart's block in machine mode, mscratch while outside:
#
#       0       8          16 ...       272
#       | stack | enter_sp | x0 ... x31 | ...      see struct Hart in guest.h
        .equ    HART_STACK, 0
        .equ    HART_ENTER_SP, 8
        .equ    HART_X, 16
        .equ    STACK_SIZE, 16384
        .equ    HART_SIZE, 512

        .section .text.start, "ax"
        .globl  _start
_start:
        csrr    s0, mhartid
        li      t0, MAX_HARTS
        bgeu    s0, t0, park
        lla     tp, harts
        li      t0, HART_SIZE
        mul     t0, t0, s0
        add     tp, tp, t0
        lla     sp, stacks
        addi    t0, s0, 1
        li      t1, STACK_SIZE
        mul     t0, t0, t1
        add     sp, sp, t0
        sd      sp, HART_STACK(tp)
        csrw    mscratch, zero
        lla     t0, vector
        csrw    mtvec, t0
        csrw    mie, zero
        li      t0, 0x6000              # floating point on
        csrs    mstatus, t0
        csrw    fcsr, zero
        # All of memory is open to S and U unless a test says otherwise.
        li      t0, -1
        csrw    pmpaddr0, t0
        li      t0, 0x1f
        csrw    pmpcfg0, t0
        mv      a0, s0
        bnez    s0, 1f
        call    guest_main
1:      call    hart_main
park:   wfi
        j       park

# Parks harts that a test has no use for.
        .weak   hart_main
hart_main:
        j       park

        .balign 4
        .globl  vector
vector:
        csrrw   tp, mscratch, tp
        bnez    tp, 1f
        csrr    tp, mscratch            # from machine mode: tp is the hart's block already
1:      sd      x1, HART_X + 8 * 1(tp)
        sd      x2, HART_X + 8 * 2(tp)
        sd      x3, HART_X + 8 * 3(tp)
        .irp    n, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        sd      x\n, HART_X + 8 * \n(tp)
        .endr
        csrrw   t0, mscratch, zero
        sd      t0, HART_X + 8 * 4(tp)
        # Traps from machine mode go on with the stack in use, others with the one of enter().
        csrr    t0, mstatus
        srli    t0, t0, 11
        andi    t0, t0, 3
        addi    t0, t0, -3
        beqz    t0, 2f
        mv      a0, tp
        ld      sp, HART_ENTER_SP(tp)
        call    trap_taken
        # Back to the caller of enter().
        ld      ra, 0(sp)
        ld      s0, 8(sp)
        ld      s1, 16(sp)
        ld      s2, 24(sp)
        ld      s3, 32(sp)
        ld      s4, 40(sp)
        ld      s5, 48(sp)
        ld      s6, 56(sp)
        ld      s7, 64(sp)
        ld      s8, 72(sp)
        ld      s9, 80(sp)
        ld      s10, 88(sp)
        ld      s11, 96(sp)
        ld      gp, 104(sp)
        addi    sp, sp, 112
        ret
2:      andi    sp, sp, -16
        mv      a0, tp
        call    trap_taken              # has set mepc
        .irp    n, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        ld      x\n, HART_X + 8 * \n(tp)
        .endr
        mret

# void enter (priv, pc, a0, a1, a2, sp): runs at pc with mstatus.MPP = priv until a trap to M.
        .globl  enter_asm
enter_asm:
        addi    sp, sp, -112
        sd      ra, 0(sp)
        sd      s0, 8(sp)
        sd      s1, 16(sp)
        sd      s2, 24(sp)
        sd      s3, 32(sp)
        sd      s4, 40(sp)
        sd      s5, 48(sp)
        sd      s6, 56(sp)
        sd      s7, 64(sp)
        sd      s8, 72(sp)
        sd      s9, 80(sp)
        sd      s10, 88(sp)
        sd      s11, 96(sp)
        sd      gp, 104(sp)
        sd      sp, HART_ENTER_SP(tp)
        li      t0, 3 << 11
        csrc    mstatus, t0
        slli    a0, a0, 11
        csrs    mstatus, a0
        csrw    mepc, a1
        csrw    mscratch, tp
        mv      sp, a5
        mv      a0, a2
        mv      a1, a3
        mv      a2, a4
        mret

        .bss
        .balign 4096
        .globl  harts
harts:  .space  MAX_HARTS * HART_SIZE
        .balign 4096
stacks: .space  MAX_HARTS * STACK_SIZE

        .section .tohost, "aw"
        .balign 64
        .globl  tohost
tohost: .quad   0
        .balign 64
        .globl  fromhost
fromhost: .quad 0
