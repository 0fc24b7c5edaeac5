# SPDX-License-Identifier: LGPL-2.1-or-later
"""The emulators that are compared: how each is told to run one and the same machine."""
import glob
import os
import re
import select
import subprocess
import time


class Guest:
    """What is booted: kernel, initrd, append, memory, harts, disk (path), net, bare (ELF)."""

    def __init__(self, kernel=None, initrd=None, words='', memory='512M', harts=1, disk=None,
                 net=False, bare=None, quiet=True):
        self.kernel, self.initrd, self.memory, self.harts = kernel, initrd, memory, harts
        self.disk, self.net, self.bare = disk, net, bare
        self.append = 'console=ttyS0 panic=-1' + (' quiet' if quiet else '')
        if words:
            self.append += ' -- ' + words


def loader(root):
    """The words before a program of packages unpacked at @root: their own loader with their own
    libraries, since the C library of another suite does not go with the system's loader."""
    libraries = [path for path in glob.glob(os.path.join(root, 'usr/lib/*-linux-gnu')) +
                 glob.glob(os.path.join(root, 'lib/*-linux-gnu')) if os.path.isdir(path)]
    for path in (glob.glob(os.path.join(root, 'lib*/ld-linux*')) +
                 glob.glob(os.path.join(root, 'usr/lib*/ld-linux*')) +
                 glob.glob(os.path.join(root, 'usr/lib/*/ld-linux*'))):
        if os.access(path, os.X_OK):
            return [path, '--library-path', ':'.join(libraries)]
    raise RuntimeError(f'{root}: no loader (ld-linux*) among the unpacked packages; remove that folder '
                       'to have them unpacked again')


class Vmtool:
    """Ours, with one of its engines."""

    def __init__(self, path, engine):
        self.path, self.engine = path, engine
        self.name = engine

    def command(self, guest):
        command = [self.path, 'run', '--engine', self.engine, '--memory', guest.memory,
                   '--harts', str(guest.harts), '--console', 'stdio',
                   '--net', 'user' if guest.net else 'none']
        if guest.bare:
            return command + ['--bios', 'none', '--kernel', guest.bare]
        command += ['--kernel', guest.kernel, '--initrd', guest.initrd, '--cmdline', guest.append]
        if guest.disk:
            command += ['--disk', guest.disk]
        return command

class Qemu:
    """QEMU's system emulation. @root: where packages were unpacked, or None for the system's."""

    def __init__(self, root=None, path=None):
        self.root = root
        self.program = [path or 'qemu-system-riscv64']
        if root:
            self.program = [*loader(root), os.path.join(root, 'usr/bin/qemu-system-riscv64')]
        done = subprocess.run([*self.program, '--version'], check=False, capture_output=True, text=True)
        version = re.search(r'version (\d+\.\d+)', done.stdout)
        if not version:
            raise RuntimeError(f'{" ".join(self.program)} --version says no version: '
                               f'{(done.stderr or done.stdout).strip()}')
        self.name = 'qemu-' + version.group(1)

    def command(self, guest):
        command = [*self.program, '-M', 'virt', '-m', guest.memory, '-smp', str(guest.harts),
                   '-nographic', '-nodefaults', '-serial', 'stdio', '-monitor', 'none',
                   '-accel', 'tcg,thread=multi']
        if self.root:
            command += ['-L', os.path.join(self.root, 'usr/share/qemu'),
                        '-L', os.path.join(self.root, 'usr/lib/riscv64-linux-gnu/opensbi/generic')]
        if guest.bare:
            return command + ['-bios', 'none', '-kernel', guest.bare]
        if self.root:
            command += ['-bios', os.path.join(
                self.root, 'usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin')]
        command += ['-kernel', guest.kernel, '-initrd', guest.initrd, '-append', guest.append]
        if guest.disk:
            command += ['-drive', f'file={guest.disk},if=none,format=raw,id=disk0',
                        '-device', 'virtio-blk-device,drive=disk0']
        if guest.net:
            command += ['-netdev', 'user,id=net0', '-device', 'virtio-net-device,netdev=net0']
        return command


class Run:
    """A machine that runs; its console is read line by line."""

    def __init__(self, machine, guest):
        self.command = machine.command(guest)
        self.started = time.monotonic()
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        start_new_session=True)
        self.buffer = b''
        self.log = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def lines(self, timeout):
        """Yields (seconds since start, line) until the machine ends; @timeout is for each line."""
        fd = self.process.stdout.fileno()
        while True:
            while b'\n' in self.buffer:
                line, self.buffer = self.buffer.split(b'\n', 1)
                text = line.decode(errors='replace').rstrip('\r')
                self.log.append(text)
                yield self.seconds, text
            if not select.select([fd], [], [], timeout)[0]:
                raise TimeoutError(self.failure(f'no line for {timeout} s'))
            data = os.read(fd, 65536)
            self.seconds = time.monotonic() - self.started
            if not data:
                return
            self.buffer += data

    def wait_for(self, text, timeout=300):
        """Seconds from start until a line contained @text."""
        for seconds, line in self.lines(timeout):
            if text in line:
                return seconds
        raise RuntimeError(self.failure(f'ended without "{text}"'))

    def failure(self, what):
        tail = '\n  '.join(self.log[-12:])
        return f'{what}; it was started as\n  {" ".join(self.command)}\nand last said\n  {tail}'

    def cpu_seconds(self):
        with open(f'/proc/{self.process.pid}/stat', encoding='ascii') as file:
            fields = file.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def resident_mib(self):
        with open(f'/proc/{self.process.pid}/status', encoding='ascii') as file:
            return int(re.search(r'VmRSS:\s+(\d+)', file.read()).group(1)) / 1024
