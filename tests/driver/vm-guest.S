/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The guest of test-vm: an Image of a few instructions. It prints "ready\n", counts in memory, and does
 * what the serial port says:
 *
 *   p   powers off            c   prints "+" when it counted on since the last c
 *   r   reboots               other   comes back
 *   f   powers off with a failure
 */
	.option	norvc
	.option	norelax
	.text
	.globl	_start
_start:
	j	main
	.word	0
	.dword	0x200000		/* text_offset */
	.dword	_end - _start		/* image_size */
	.dword	0
	.word	2			/* version */
	.word	0
	.dword	0
	.dword	0x5643534952		/* magic */
	.word	0x05435352		/* magic2 */
	.word	0

main:
	li	s0, 0x10000000		/* UART */
	lla	s1, counter
	lla	s2, ready
	li	s3, 0
1:	lbu	a0, 0(s2)
	beqz	a0, loop
	jal	put
	addi	s2, s2, 1
	j	1b

loop:
	ld	t0, 0(s1)
	addi	t0, t0, 1
	sd	t0, 0(s1)
	lbu	t1, 5(s0)		/* LSR */
	andi	t1, t1, 1
	beqz	t1, loop
	lbu	a0, 0(s0)
	li	t2, 'p'
	li	a1, 0			/* SRST: shutdown */
	li	a2, 0
	beq	a0, t2, srst
	li	t2, 'r'
	li	a1, 1			/* cold reboot */
	beq	a0, t2, srst
	li	t2, 'f'
	li	a1, 0
	li	a2, 1			/* system failure */
	beq	a0, t2, srst
	li	t2, 'c'
	beq	a0, t2, counted
	jal	put
	j	loop

counted:
	ld	t0, 0(s1)
	beq	t0, s3, loop
	mv	s3, t0
	li	a0, '+'
	jal	put
	j	loop

put:
	lbu	t1, 5(s0)
	andi	t1, t1, 0x20
	beqz	t1, put
	sb	a0, 0(s0)
	ret

srst:
	li	a7, 0x53525354
	li	a6, 0
	mv	a0, a1
	mv	a1, a2
	ecall
	j	loop

ready:
	.asciz	"ready\n"
	.balign	4096
counter:
	.dword	0
	.fill	4088, 1, 0
_end:
