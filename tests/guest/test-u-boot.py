#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Firmware made for QEMU's virt machine: U-Boot of Debian's package u-boot-qemu, in S mode on the
built-in SBI and on OpenSBI, and in M mode in the place of firmware. It finds disk and network, and
powers the machine off.

What would be lost: that images and firmware of others boot unmodified.
"""
import os
import select
import subprocess
import sys
import tempfile
import time

VMTOOL = sys.argv[1]
U_BOOT = '/usr/lib/u-boot'
OPENSBI = '/usr/lib/riscv64-linux-gnu/opensbi/generic'
S_MODE = f'{U_BOOT}/qemu-riscv64_smode'
M_MODE = f'{U_BOOT}/qemu-riscv64'
TIMEOUT = 120

# name, options
ROWS = [
    ('sbi/elf', ['--kernel', f'{S_MODE}/uboot.elf']),
    ('sbi/raw', ['--kernel', f'{S_MODE}/u-boot.bin']),
    ('fw_dynamic', ['--bios', f'{OPENSBI}/fw_dynamic.bin', '--kernel', f'{S_MODE}/u-boot.bin']),
    ('fw_jump.elf', ['--bios', f'{OPENSBI}/fw_jump.elf', '--kernel', f'{S_MODE}/u-boot.bin']),
    ('m-mode/bios', ['--bios', f'{M_MODE}/u-boot.bin']),
    ('m-mode/bare', ['--bios', 'none', '--kernel', f'{M_MODE}/uboot.elf']),
]


class Guest:
    """vmtool run, with its console on pipes."""

    def __init__(self, options, disk):
        self.process = subprocess.Popen(
            [VMTOOL, 'run', *options, '--harts', '2', '--memory', '256M', '--disk', disk,
             '--net', 'user'], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        self.text = b''
        self.deadline = time.monotonic() + TIMEOUT

    def expect(self, text):
        """Reads until @text has come, and forgets all up to its end."""
        wanted = text.encode()
        while wanted not in self.text:
            left = self.deadline - time.monotonic()
            ready = select.select([self.process.stdout], [], [], max(left, 0))[0]
            data = os.read(self.process.stdout.fileno(), 65536) if ready else b''
            if not data:
                raise RuntimeError(f'no {text!r}; last it said {self.text[-400:]!r}')
            self.text += data
        self.text = self.text.split(wanted, 1)[1]

    def ask(self, command, *answers):
        self.process.stdin.write(command.encode() + b'\r')
        self.process.stdin.flush()
        for answer in answers:
            self.expect(answer)
        self.expect('=> ')

    def close(self):
        self.process.kill()
        self.process.communicate()


def run(options, disk):
    guest = Guest(options, disk)
    try:
        guest.expect('Hit any key to stop autoboot')
        guest.ask('')
        guest.ask('virtio scan; virtio info', 'Device 0', 'Capacity: 16.0 MB')
        guest.ask('setenv autoload no; dhcp', 'DHCP client bound to address 10.0.2.15')
        guest.process.stdin.write(b'poweroff\r')
        guest.process.stdin.flush()
        guest.expect('poweroff ...')
        status = guest.process.wait(TIMEOUT)
        if status != 0:
            raise RuntimeError(f'vmtool ended with status {status}')
    finally:
        guest.close()


def main():
    print(f'1..{len(ROWS)}', flush=True)
    missing = [path for path in (S_MODE, M_MODE, OPENSBI) if not os.path.isdir(path)]
    failed = False
    with tempfile.NamedTemporaryFile() as disk:
        disk.truncate(16 << 20)
        for number, (name, options) in enumerate(ROWS, 1):
            if missing and not os.environ.get('COPPICE_CHECK'):
                print(f'ok {number} {name} # SKIP there is no {missing[0]}: install u-boot-qemu')
                continue
            try:
                run(options, disk.name)
                print(f'ok {number} {name}', flush=True)
            except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
                failed = True
                print(f'# {error}\nnot ok {number} {name}', flush=True)
    return 1 if failed else 0


sys.exit(main())
