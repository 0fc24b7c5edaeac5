# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds the benchmark programs, natively and for the guest, when a source is newer."""
import os
import platform
import subprocess

SOURCES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'guest')
FLAGS = ['-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-static', '-pthread']
BARE_FLAGS = ['-nostdlib', '-static', '-march=rv64gc', '-mabi=lp64d', '-mcmodel=medany',
              '-Wl,-N', '-Wl,-Ttext=0x80000000', '-Wl,--no-relax', '-Wl,--build-id=none']


def is_older(target, sources):
    return not os.path.exists(target) or any(
        os.path.getmtime(target) < os.path.getmtime(source) for source in sources)


def run(*command):
    subprocess.run(command, check=True)


def build_suite(work, architecture, compiler):
    """The multi-call program for one architecture. Returns its path."""
    program = os.path.join(work, f'bench.{architecture}')
    sources = [os.path.join(SOURCES, name) for name in sorted(os.listdir(SOURCES))]
    if is_older(program, sources):
        cold = os.path.join(work, f'cold-{architecture}.S')
        run(os.path.join(SOURCES, 'generate-cold'), architecture, cold)
        units = [source for source in sources if source.endswith('.c')]
        run(compiler, *FLAGS, *units, cold, '-lm', '-o', program)
    return program


def build_native(work):
    return build_suite(work, platform.machine(), os.environ.get('CC', 'gcc').split()[-1])


def build_guest(work):
    return build_suite(work, 'riscv64', 'riscv64-linux-gnu-gcc')


def build_bare(work):
    """The bare program whose first instructions say that they run. Returns its path."""
    program = os.path.join(work, 'first.elf')
    source = os.path.join(SOURCES, 'first.S')
    if is_older(program, [source]):
        run('riscv64-linux-gnu-gcc', *BARE_FLAGS, source, '-o', program)
    return program


def build_coremark(work, folder):
    """CoreMark from its sources at @folder, natively and for the guest. Returns both paths."""
    port = os.path.join(folder, 'posix')
    units = [os.path.join(folder, f'core_{name}.c')
             for name in ('list_join', 'main', 'matrix', 'state', 'util')]
    units.append(os.path.join(port, 'core_portme.c'))
    programs = []
    for architecture, compiler in ((platform.machine(), 'gcc'), ('riscv64', 'riscv64-linux-gnu-gcc')):
        program = os.path.join(work, f'coremark.{architecture}')
        run(compiler, '-O2', '-static', f'-I{folder}', f'-I{port}', '-DPERFORMANCE_RUN=1',
            '-DFLAGS_STR="-O2"', '-DITERATIONS=0', *units, '-lrt', '-o', program)
        programs.append(program)
    return programs
